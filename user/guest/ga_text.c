// SPDX-License-Identifier: Apache-2.0
#include "guest/ga_text.h"

#include <string.h>

#define KIB 1024ull
#define NUMBER_MAX ((uint64_t)INT64_MAX)

bool ga_text_number(const char **text, const char *end, uint64_t *ret)
{
	const char *p = *text;
	uint64_t value = 0;

	while (p < end && (*p == ' ' || *p == '\t'))
		p++;
	if (p == end || !g_ascii_isdigit(*p))
		return false;
	for (; p < end && g_ascii_isdigit(*p); p++) {
		if (value > (NUMBER_MAX - 9) / 10)
			return false;
		value = value * 10 + (*p - '0');
	}
	*text = p;
	*ret = value;
	return true;
}

/* The next line, without its end; false: there is none. */
static bool next_line(const char **text, const char *end, const char **ret_line,
		      const char **ret_end)
{
	const char *newline;

	if (*text >= end)
		return false;
	newline = memchr(*text, '\n', end - *text);
	*ret_line = *text;
	*ret_end = newline ?: end;
	*text = newline ? newline + 1 : end;
	return true;
}

static bool skip_word(const char **text, const char *end, const char *word)
{
	size_t n = strlen(word);

	if ((size_t)(end - *text) < n || memcmp(*text, word, n))
		return false;
	*text += n;
	return true;
}

/* "cpu  1 2 3 ..." behind its name. Kernels have added columns, never taken any. */
static bool stat_cpu(const char *text, const char *end, struct guest_cpu *cpu)
{
	uint64_t *const columns[] = {&cpu->user_ns,    &cpu->nice_ns,	&cpu->system_ns,
				     &cpu->idle_ns,    &cpu->iowait_ns, &cpu->irq_ns,
				     &cpu->softirq_ns, &cpu->steal_ns};
	uint64_t ticks;
	size_t n;

	for (n = 0; n < G_N_ELEMENTS(columns) && ga_text_number(&text, end, &ticks); n++)
		*columns[n] =
			ticks <= NUMBER_MAX / GA_TICK_NS ? ticks * GA_TICK_NS : KVMLENS_ABSENT;
	return n >= 4;
}

void ga_text_stat(const char *text, size_t len, struct guest_cpu *total, GArray *cpus)
{
	const char *end = text + len, *line, *line_end;

	while (next_line(&text, end, &line, &line_end)) {
		struct guest_cpu cpu;
		uint64_t number;

		if (!skip_word(&line, line_end, "cpu"))
			break; /* the CPUs come first */
		memset(&cpu, 0xff, sizeof(cpu));
		if (line < line_end && *line == ' ') {
			if (stat_cpu(line, line_end, &cpu))
				*total = cpu;
		} else if (ga_text_number(&line, line_end, &number) &&
			   stat_cpu(line, line_end, &cpu)) {
			g_array_append_val(cpus, cpu);
		}
	}
}

struct named {
	const char *name;
	size_t offset; /* in struct guest_system */
	uint64_t unit;
};

static void by_name(const char *text, size_t len, const struct named *names, size_t n_names,
		    struct guest_system *system)
{
	const char *end = text + len, *line, *line_end;

	while (next_line(&text, end, &line, &line_end)) {
		for (size_t i = 0; i < n_names; i++) {
			const char *at = line;
			uint64_t value;

			if (!skip_word(&at, line_end, names[i].name) ||
			    !ga_text_number(&at, line_end, &value) ||
			    value > NUMBER_MAX / names[i].unit)
				continue;
			*(uint64_t *)((char *)system + names[i].offset) = value * names[i].unit;
		}
	}
}

#define NAMED(name, member, unit)                                 \
	{                                                         \
		name, offsetof(struct guest_system, member), unit \
	}

void ga_text_meminfo(const char *text, size_t len, struct guest_system *system)
{
	static const struct named names[] = {
		NAMED("MemTotal:", mem_total, KIB), NAMED("MemFree:", mem_free, KIB),
		NAMED("Cached:", mem_cached, KIB),  NAMED("MemAvailable:", mem_available, KIB),
		NAMED("Shmem:", mem_shared, KIB),   NAMED("SwapTotal:", swap_total, KIB),
		NAMED("SwapFree:", swap_free, KIB),
	};

	by_name(text, len, names, G_N_ELEMENTS(names), system);
}

void ga_text_vmstat(const char *text, size_t len, struct guest_system *system)
{
	static const struct named names[] = {
		NAMED("pgfault ", faults, 1),
		NAMED("pgmajfault ", major_faults, 1),
		NAMED("pswpin ", swap_in_pages, 1),
		NAMED("pswpout ", swap_out_pages, 1),
	};

	by_name(text, len, names, G_N_ELEMENTS(names), system);
}

/* "1.25" in thousandths. */
static bool fixed_point(const char **text, const char *end, uint64_t *ret)
{
	uint64_t whole, scale = 100;

	if (!ga_text_number(text, end, &whole) || whole > NUMBER_MAX / 1000000000ull - 1)
		return false;
	whole *= 1000;
	if (*text < end && **text == '.')
		for (++*text; *text < end && g_ascii_isdigit(**text); ++*text) {
			whole += (**text - '0') * scale;
			scale /= 10;
		}
	*ret = whole;
	return true;
}

void ga_text_loadavg(const char *text, size_t len, struct guest_system *system)
{
	const char *end = text + len;
	uint64_t load[3];

	for (size_t i = 0; i < G_N_ELEMENTS(load); i++)
		if (!fixed_point(&text, end, &load[i]))
			return;
	memcpy(system->load, load, sizeof(load));
}

void ga_text_uptime(const char *text, size_t len, struct guest_system *system)
{
	uint64_t thousandths;

	if (fixed_point(&text, text + len, &thousandths))
		system->uptime_ns = thousandths * 1000000;
}

/* A word of /proc/mounts, in which blanks and backslashes are octal. False: there is none. */
static bool mount_word(const char **text, const char *end, char *ret, size_t size)
{
	const char *p = *text;
	size_t n = 0;

	while (p < end && *p != ' ') {
		char c = *p++;

		if (c == '\\' && end - p >= 3 && p[0] >= '0' && p[0] <= '3') {
			c = (p[0] - '0') * 64 + (p[1] - '0') * 8 + (p[2] - '0');
			p += 3;
		}
		if (n + 1 < size)
			ret[n++] = c;
	}
	ret[n] = '\0';
	*text = p < end ? p + 1 : p;
	return n > 0;
}

struct mount_line {
	char device[64], mount[GA_TEXT_LEN], type[32], options[512];
	bool read_only;
};

static bool parse_mount(const char *line, const char *end, struct mount_line *m)
{
	if (!mount_word(&line, end, m->device, sizeof(m->device)) ||
	    !mount_word(&line, end, m->mount, sizeof(m->mount)) ||
	    !mount_word(&line, end, m->type, sizeof(m->type)) ||
	    !mount_word(&line, end, m->options, sizeof(m->options)))
		return false;
	m->read_only = g_str_has_prefix(m->options, "ro,") || !strcmp(m->options, "ro");
	return true;
}

/* A later line covers an earlier one of the same place. */
static bool find_mount(const char *text, const char *end, const char *mount, struct mount_line *m)
{
	const char *line, *line_end;
	struct mount_line other;
	bool found = false;

	while (next_line(&text, end, &line, &line_end))
		if (parse_mount(line, line_end, &other) && !strcmp(other.mount, mount)) {
			*m = other;
			found = true;
		}
	return found;
}

static bool written_elsewhere(const char *text, const char *end, const char *device)
{
	const char *line, *line_end;
	struct mount_line m;

	while (next_line(&text, end, &line, &line_end))
		if (parse_mount(line, line_end, &m) && !m.read_only && !strcmp(m.device, device))
			return true;
	return false;
}

void ga_text_mounts(const char *text, size_t len, struct ga_result *result)
{
	const char *end = text + len;
	struct mount_line m;

	for (uint32_t i = 0; i < result->n_fs; i++)
		if (find_mount(text, end, result->fs[i].mount, &m) && m.read_only &&
		    !written_elsewhere(text, end, m.device))
			result->fs[i].read_only = true;
}
