/* SPDX-License-Identifier: Apache-2.0 */
/* node/kitwrite.c -- messages as C that a test can have pasted in; see kitdraw.h. */
#include "node/kitdraw.h"

#include <inttypes.h>

/* The octal form ends by itself, whatever follows. */
void
souk_kit_write_bytes(FILE *out, const void *at, size_t length)
{
    const unsigned char *byte = at;
    fputc('"', out);
    for (size_t i = 0; i < length; i++) {
        if (byte[i] == '"' || byte[i] == '\\') fprintf(out, "\\%c", byte[i]);
        else if (byte[i] >= 0x20 && byte[i] < 0x7f && byte[i] != '?') fputc(byte[i], out);
        else fprintf(out, "\\%03o", byte[i]);
    }
    fputc('"', out);
}

static void
write_key(FILE *out, souk_key key, souk_key self)
{
    if (souk_key_equal(key, self)) fputs("souk_kit_self(kit).key", out);
    else if (key.high == key.low && key.high < 1000) fprintf(out, "souk_kit_id(%" PRIu64 ")", key.high);
    else fprintf(out, "{ 0x%016" PRIx64 ", 0x%016" PRIx64 " }", key.high, key.low);
}

static void
write_value(FILE *out, const struct souk_field *field, const void *at, souk_key self)
{
    switch (field->type) {
    case SOUK_BOOL: fputs(*(const bool *)at ? "true" : "false", out); return;
    case SOUK_U32: fprintf(out, "%" PRIu32, *(const uint32_t *)at); return;
    case SOUK_U64: {
        uint64_t v = *(const uint64_t *)at;
        fprintf(out, "%" PRIu64 "%s", v, v > INT64_MAX ? "u" : "");
        return;
    }
    case SOUK_I64: {
        int64_t v = *(const int64_t *)at;
        if (v == INT64_MIN) fputs("INT64_MIN", out);
        else fprintf(out, "%" PRId64, v);
        return;
    }
    case SOUK_KEY: write_key(out, *(const souk_key *)at, self); return;
    case SOUK_STR: {
        const struct souk_text *v = at;
        fputs("SOUK_TEXT(", out);
        souk_kit_write_bytes(out, v->at, v->length);
        fputc(')', out);
        return;
    }
    case SOUK_BIN: {
        const struct souk_bytes *v = at;
        fputs("{ ", out);
        souk_kit_write_bytes(out, v->at, v->length);
        fprintf(out, ", %zu }", v->length);
        return;
    }
    case SOUK_ASKER: {
        const souk_asker *v = at;
        fprintf(out, "{ { %" PRIu64 "u, %" PRIu64 "u }, %" PRIu32 ", %" PRIu32 " }", v->key.high, v->key.low, v->kind,
                v->number);
        return;
    }
    case SOUK_REC:
        fputs("{ ", out);
        souk_kit_write(out, field->record, at, self, "");
        fputs(" }", out);
        return;
    }
}

static void
write_list(FILE *out, const struct souk_field *field, const void *list, souk_key self)
{
    static const struct { const char *name; size_t size; } types[] = {
        [SOUK_BOOL] = { "bool", sizeof(bool) }, [SOUK_U32] = { "uint32_t", sizeof(uint32_t) },
        [SOUK_U64] = { "uint64_t", sizeof(uint64_t) }, [SOUK_I64] = { "int64_t", sizeof(int64_t) },
        [SOUK_KEY] = { "souk_key", sizeof(souk_key) }, [SOUK_STR] = { "struct souk_text", sizeof(struct souk_text) },
        [SOUK_BIN] = { "struct souk_bytes", sizeof(struct souk_bytes) },
        [SOUK_ASKER] = { "souk_asker", sizeof(souk_asker) },
    };
    const struct { const char *at; uint32_t count; } *v = list;
    bool record = field->type == SOUK_REC;
    size_t size = record ? field->record->size : types[field->type].size;
    if (!v->count) {
        fputs("{ NULL, 0 }", out);
        return;
    }
    fprintf(out, "{ (const %s%s[]){ ", record ? "struct " : "", record ? field->record->name : types[field->type].name);
    for (uint32_t i = 0; i < v->count; i++) {
        if (i) fputs(", ", out);
        write_value(out, field, v->at + i * size, self);
    }
    fprintf(out, " }, %" PRIu32 " }", v->count);
}

void
souk_kit_write(FILE *out, const struct souk_layout *layout, const void *message, souk_key self, const char *between)
{
    const struct souk_field *fields = layout->fields();
    for (uint32_t f = 0; f < layout->count; f++) {
        const struct souk_field *field = &fields[f];
        const void *at = (const char *)message + field->offset;
        bool optional = field->shape == SOUK_OPTIONAL;
        if (optional && !*((const bool *)message + field->has_offset)) continue;
        fprintf(out, "%s.%s = ", between, field->name);
        if (field->shape == SOUK_LIST) write_list(out, field, at, self);
        else write_value(out, field, at, self);
        if (optional) fprintf(out, ", .has_%s = true", field->name);
        between = ", ";
    }
}
