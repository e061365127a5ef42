/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/problem.c -- the table of problems and its rendering; http.c sends them. */
#include "gateway/problem.h"

static const struct row {
    const char *name, *title;
    struct souk_text type;
    unsigned status;
} rows[] = {
#define ROW(code, row_name, row_status, row_title)                                                                     \
    { row_name, row_title, { "urn:souk:problem:" row_name, sizeof("urn:souk:problem:" row_name) - 1 }, row_status },
    SOUK_PROBLEMS(ROW)
#undef ROW
};

static const struct row *
row_of(enum souk_problem problem)
{
    souk_assert((unsigned)problem < SOUK_PROBLEM_COUNT);
    return &rows[problem];
}

const char *
souk_problem_name(enum souk_problem problem)
{
    return row_of(problem)->name;
}

unsigned
souk_problem_status(enum souk_problem problem)
{
    return row_of(problem)->status;
}

unsigned
souk_problem_retry_s(enum souk_problem problem)
{
    return problem == SOUK_PROBLEM_OVERLOADED ? 1 : problem == SOUK_PROBLEM_DISK_FULL ? 5 : 0;
}

void
souk_problem_write(souk_json_writer *writer, enum souk_problem problem, struct souk_text detail,
                   const struct souk_problem_member *members, size_t count)
{
    const struct row *row = row_of(problem);
    souk_json_object_open(writer);
    souk_json_put_text(writer, "type", row->type);
    souk_json_put_text(writer, "title", souk_text_of(row->title));
    souk_json_put_u64(writer, "status", row->status);
    if (detail.length > 0)
        souk_json_put_text(writer, "detail", detail);
    for (size_t i = 0; i < count; i++) {
        if (members[i].text.at != NULL)
            souk_json_put_text(writer, members[i].name, members[i].text);
        else
            souk_json_put_i64(writer, members[i].name, members[i].number);
    }
    souk_json_object_close(writer);
}
