// SPDX-License-Identifier: Apache-2.0
#include "vm/host_parse.h"

#include <errno.h>
#include <string.h>

#include "metric/model.h"
#include "vm/proc_parse.h"

#define USEC 1000ull

struct cursor {
	const char *at, *end;
};

static bool next_line(struct cursor *text, struct cursor *ret_line)
{
	const char *eol;

	if (text->at >= text->end)
		return false;
	eol = memchr(text->at, '\n', text->end - text->at) ?: text->end;
	*ret_line = (struct cursor){text->at, eol};
	text->at = eol < text->end ? eol + 1 : eol;
	return true;
}

/* The next word between blanks; length 0: there is none. */
static size_t next_word(struct cursor *line, const char **ret_word)
{
	while (line->at < line->end && (*line->at == ' ' || *line->at == '\t'))
		line->at++;
	*ret_word = line->at;
	while (line->at < line->end && *line->at != ' ' && *line->at != '\t')
		line->at++;
	return line->at - *ret_word;
}

static bool is_word(const char *word, size_t len, const char *text)
{
	return len == strlen(text) && !memcmp(word, text, len);
}

/* "user nice system idle iowait irq softirq steal guest guest_nice"; the last ones may be missing. */
static bool parse_times(struct cursor *line, uint64_t tick_ns, struct host_cpu_times *ret)
{
	uint64_t *to = (uint64_t *)ret;
	unsigned n = sizeof(*ret) / sizeof(uint64_t), i;

	memset(ret, 0, sizeof(*ret));
	for (i = 0; i < n; i++) {
		const char *word;
		size_t len = next_word(line, &word);
		uint64_t ticks;

		if (!len)
			break;
		if (proc_parse_u64(word, len, UINT64_MAX / tick_ns - 1, &ticks))
			return false;
		to[i] = ticks * tick_ns;
	}
	return i >= 4;
}

int host_parse_stat(const char *text, size_t len, uint64_t tick_ns, struct host_cpu_times *ret_sum,
		    GArray *cpus)
{
	struct cursor all = {text, text + len}, line;
	struct host_cpu_line cpu;
	const char *word;
	uint64_t id;
	size_t n;

	if (!next_line(&all, &line))
		return -EINVAL;
	n = next_word(&line, &word);
	if (!is_word(word, n, "cpu") || !parse_times(&line, tick_ns, &cpu.time))
		return -EINVAL;
	*ret_sum = cpu.time;
	while (cpus->len < HOST_CPUS_MAX && next_line(&all, &line)) {
		n = next_word(&line, &word);
		if (n < 4 || memcmp(word, "cpu", 3))
			break;
		if (proc_parse_u64(word + 3, n - 3, INT32_MAX, &id) ||
		    !parse_times(&line, tick_ns, &cpu.time))
			continue;
		cpu.id = id;
		g_array_append_val(cpus, cpu);
	}
	return 0;
}

/* "some avg10=0.00 avg60=0.00 avg300=0.00 total=12345" */
static uint64_t stalled(struct cursor *line)
{
	static const char key[] = "total=";
	const char *word;
	uint64_t usec;
	size_t n;

	while ((n = next_word(line, &word)))
		if (n >= sizeof(key) && !memcmp(word, key, sizeof(key) - 1))
			return proc_parse_u64(word + sizeof(key) - 1, n - sizeof(key) + 1,
					      UINT64_MAX / USEC - 1, &usec)
				       ? ABSENT
				       : usec * USEC;
	return ABSENT;
}

void host_parse_pressure(const char *text, size_t len, uint64_t *ret_some, uint64_t *ret_full)
{
	struct cursor all = {text, text + len}, line;
	const char *word;
	size_t n;

	*ret_some = *ret_full = ABSENT;
	while (next_line(&all, &line)) {
		n = next_word(&line, &word);
		if (is_word(word, n, "some"))
			*ret_some = stalled(&line);
		else if (is_word(word, n, "full"))
			*ret_full = stalled(&line);
	}
}

static const struct host_field *find_field(const struct host_field *fields, size_t n,
					   const char *word, size_t len)
{
	if (len && word[len - 1] == ':')
		len--;
	for (size_t i = 0; i < n; i++)
		if (is_word(word, len, fields[i].key))
			return &fields[i];
	return NULL;
}

void host_parse_fields(const char *text, size_t len, const struct host_field *fields, size_t n,
		       void *object)
{
	struct cursor all = {text, text + len}, line;

	while (next_line(&all, &line)) {
		const struct host_field *field;
		const char *word;
		size_t size = next_word(&line, &word);
		uint64_t value;

		if (is_word(word, size, "Node")) {
			next_word(&line, &word);
			size = next_word(&line, &word);
		}
		field = find_field(fields, n, word, size);
		size = next_word(&line, &word);
		if (field && !proc_parse_u64(word, size, UINT64_MAX / field->unit - 1, &value))
			*(uint64_t *)((char *)object + field->offset) = value * field->unit;
	}
}

static bool add_range(const char *text, size_t len, GArray *cpus)
{
	const char *dash = memchr(text, '-', len);
	size_t n = dash ? (size_t)(dash - text) : len;
	uint64_t first, last;

	if (proc_parse_u64(text, n, HOST_CPUS_MAX - 1, &first))
		return false;
	last = first;
	if (dash && proc_parse_u64(dash + 1, len - n - 1, HOST_CPUS_MAX - 1, &last))
		return false;
	for (; first <= last && cpus->len < HOST_CPUS_MAX; first++) {
		uint32_t cpu = first;

		g_array_append_val(cpus, cpu);
	}
	return true;
}

bool host_parse_cpulist(const char *text, size_t len, GArray *cpus)
{
	const char *end = text + len, *comma;

	while (len && (text[len - 1] == '\n' || text[len - 1] == ' '))
		len--;
	for (end = text + len; text < end; text = comma + 1) {
		comma = memchr(text, ',', end - text) ?: end;
		if (!add_range(text, comma - text, cpus))
			return false;
		if (comma == end)
			break;
	}
	return true;
}

uint64_t host_parse_number(const char *text, size_t len)
{
	uint64_t value;

	while (len && (text[len - 1] == '\n' || text[len - 1] == ' '))
		len--;
	return proc_parse_u64(text, len, UINT64_MAX - 1, &value) ? ABSENT : value;
}
