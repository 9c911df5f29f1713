// SPDX-License-Identifier: Apache-2.0
#include <jansson.h>
#include "cli/command.h"
#include "cli/doctor.h"

#define PROVIDER_TIMEOUT_MS 3000

static const char *const state_names[] = {
	[FINDING_OK] = "ok", [FINDING_OFF] = "off", [FINDING_NO] = "no", [FINDING_FATAL] = "no"};

static const char *const verdicts[] = {
	[FINDING_OK] = "All is well.",
	[FINDING_OFF] = "All is well.",
	[FINDING_NO] = "kvmlens runs, with less than it could show.",
	[FINDING_FATAL] = "kvmlens cannot run like this.",
};

static enum exit_code code_of(const struct doctor *doctor)
{
	switch (doctor_verdict(doctor)) {
	case FINDING_NO:
		return EXIT_FAILED;
	case FINDING_FATAL:
		return doctor->rights ? EXIT_NOTHING_USEFUL : EXIT_NOT_PERMITTED;
	default:
		return EXIT_DONE;
	}
}

static void print_finding(const struct finding *finding, FILE *out)
{
	fprintf(out, "  %-4s %-14s %s\n", state_names[finding->state], finding->name,
		finding->what);
	if (finding->why && *finding->why)
		fprintf(out, "       %-14s why: %s\n", "", finding->why);
	if (finding->remedy)
		fprintf(out, "       %-14s do: %s\n", "", finding->remedy);
}

static void print_text(const struct doctor *doctor, FILE *out)
{
	for (guint i = 0; i < doctor->findings->len; i++)
		print_finding(&g_array_index(doctor->findings, struct finding, i), out);
	fprintf(out, "\n%s\n", verdicts[doctor_verdict(doctor)]);
}

static void print_json(const struct doctor *doctor, FILE *out)
{
	json_auto_t *findings = json_array();

	for (guint i = 0; i < doctor->findings->len; i++) {
		const struct finding *f = &g_array_index(doctor->findings, struct finding, i);

		json_array_append_new(findings,
				      json_pack("{s:s,s:s,s:s,s:s*,s:s*}", "name", f->name, "state",
						state_names[f->state], "what", f->what, "why",
						f->why, "do", f->remedy));
	}
	json_dumpf(findings, out, JSON_INDENT(1));
	fputc('\n', out);
}

enum exit_code cmd_doctor(struct cli *cli)
{
	struct doctor *doctor = doctor_new(cli->config, &doctor_paths_here);
	enum exit_code code;

	doctor_check_host(doctor);
	doctor_check_features(doctor);
	doctor_check_providers(doctor, PROVIDER_TIMEOUT_MS);
	if (cli->flags->format == FORMAT_JSON)
		print_json(doctor, cli->out);
	else
		print_text(doctor, cli->out);
	code = code_of(doctor);
	doctor_free(doctor);
	return code;
}
