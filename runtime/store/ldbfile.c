/* SPDX-License-Identifier: Apache-2.0 */
/* store/ldbfile.c -- see ldbfile.h. The formats are LevelDB's own (its doc/log_format.md and doc/table_format.md),
 * which have not changed since 2011; compression is off in all databases of ours.
 *
 * Invariant: nothing is read outside of the bytes that were given, whatever they say. */
#include "store/ldbfile.h"

#include "base/heap.h"
#include "store/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    LOG_BLOCK = 32768,
    LOG_HEADER = 7,
    TABLE_FOOTER = 48,
    BLOCK_TRAILER = 5,
    WRITE_HEADER = 12,
    INNER_KEY = 8,             /* What LevelDB adds to a key: its number and what was done. */
    RECORD_FULL = 1, RECORD_FIRST, RECORD_MIDDLE, RECORD_LAST,
};
#define TABLE_MAGIC UINT64_C(0xdb4775248b80fb57)

/* ---- bytes ---- */

static uint32_t
get32(const uint8_t *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

/* CRC-32C, four bits at a time. */
static uint32_t
crc_of(uint32_t crc, const uint8_t *at, size_t length)
{
    static const uint32_t table[16] = {
        0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
        0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9, 0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
    };
    crc = ~crc;
    for (size_t i = 0; i < length; i++) {
        crc ^= at[i];
        crc = crc >> 4 ^ table[crc & 15];
        crc = crc >> 4 ^ table[crc & 15];
    }
    return ~crc;
}

/* Whether a sum as LevelDB stores it is that of the bytes. */
static bool
sum_is(uint32_t stored, const uint8_t *at, size_t length)
{
    uint32_t rotated = stored - 0xa282ead8u;
    return (rotated >> 17 | rotated << 15) == crc_of(0, at, length);
}

bool
souk_ldbfile_number(const uint8_t **at, const uint8_t *end, uint64_t *number)
{
    *number = 0;
    for (unsigned shift = 0; shift < 64 && *at < end; shift += 7) {
        uint8_t byte = *(*at)++;
        *number |= (uint64_t)(byte & 127) << shift;
        if (byte < 128) return true;
    }
    return false;
}

bool
souk_ldbfile_text(const uint8_t **at, const uint8_t *end, struct souk_bytes *text)
{
    uint64_t length;
    if (!souk_ldbfile_number(at, end, &length) || length > (uint64_t)(end - *at)) return false;
    *text = (struct souk_bytes){ *at, (size_t)length };
    *at += length;
    return true;
}

souk_err
souk_ldbfile_load(const char *path, struct souk_bytes *out)
{
    struct stat stat;
    *out = (struct souk_bytes){ NULL, 0 };
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return souk_file_err(errno);
    uint8_t *bytes = NULL;
    size_t length = 0;
    souk_err err = fstat(fd, &stat) ? souk_file_err(errno) : !S_ISREG(stat.st_mode) ? SOUK_ERR_IO : SOUK_OK;
    if (!err && !(bytes = souk_system_alloc((size_t)stat.st_size + 1))) err = SOUK_ERR_MEMORY;
    while (!err && length < (size_t)stat.st_size) {
        ssize_t n = read(fd, bytes + length, (size_t)stat.st_size - length);
        if (n == 0) break; /* It has become shorter meanwhile. */
        if (n > 0) length += (size_t)n;
        else if (errno != EINTR) err = souk_file_err(errno);
    }
    (void)close(fd);
    if (err) free(bytes);
    else *out = (struct souk_bytes){ bytes, length };
    return err;
}

/* ---- logs ---- */

/* A record that is put together from its fragments. */
struct record {
    uint8_t *at;
    size_t length, room;
    uint64_t began; /* Where its first fragment stands. */
    bool open;
};

static struct souk_ldbfile
ending(enum souk_ldbfile_state state, uint64_t at, const char *what)
{
    return (struct souk_ldbfile){ state, at, what };
}

static bool
all_zero(const uint8_t *at, const uint8_t *end)
{
    while (at < end && *at == 0) at++;
    return at == end;
}

static bool
record_add(struct record *record, const uint8_t *at, size_t length)
{
    if (record->length + length > record->room) {
        size_t room = 2 * (record->length + length);
        uint8_t *more = realloc(record->at, room);
        if (!more) return false;
        record->at = more;
        record->room = room;
    }
    if (length) memcpy(record->at + record->length, at, length);
    record->length += length;
    return true;
}

/* One fragment, which is sound in itself: NULL, or what is wrong with its place. *go_on: the visitor wants more. */
static const char *
take_fragment(struct record *record, unsigned type, struct souk_bytes body, uint64_t at, souk_ldbfile_visit *visit,
              void *arg, bool *go_on)
{
    bool begins = type == RECORD_FULL || type == RECORD_FIRST, ends = type == RECORD_FULL || type == RECORD_LAST;
    if (type < RECORD_FULL || type > RECORD_LAST) return "a record of an unknown kind";
    if (begins == record->open) return begins ? "a record without its end" : "a record without its beginning";
    if (begins) {
        record->began = at;
        record->length = 0;
    }
    record->open = !ends;
    if (type == RECORD_FULL) {
        *go_on = visit(arg, (struct souk_bytes){ NULL, 0 }, body, at + LOG_HEADER);
        return NULL;
    }
    if (!record_add(record, body.at, body.length)) return "too large for the memory that there is";
    if (ends) *go_on = visit(arg, (struct souk_bytes){ NULL, 0 }, (struct souk_bytes){ record->at, record->length },
                             UINT64_MAX);
    return NULL;
}

static struct souk_ldbfile
read_log(struct record *record, struct souk_bytes file, souk_ldbfile_visit *visit, void *arg)
{
    const uint8_t *begin = file.at, *end = begin + file.length, *at = begin;
    bool go_on = true;
    while (at < end && go_on) {
        uint64_t offset = (uint64_t)(at - begin);
        size_t in_block = LOG_BLOCK - offset % LOG_BLOCK, left = (size_t)(end - at);
        if (in_block < LOG_HEADER) { /* The end of a block that no header fits in. */
            at += in_block < left ? in_block : left;
            continue;
        }
        if (all_zero(at, at + (left < LOG_HEADER ? left : LOG_HEADER)))
            return all_zero(at, end) ? ending(SOUK_LDBFILE_TORN, offset, "it ends in zeros")
                                     : ending(SOUK_LDBFILE_DAMAGED, offset, "zeros");
        if (left < LOG_HEADER) return ending(SOUK_LDBFILE_TORN, offset, "it ends in a record");
        size_t length = (size_t)at[4] | (size_t)at[5] << 8;
        if (LOG_HEADER + length > in_block) return ending(SOUK_LDBFILE_DAMAGED, offset, "a length that cannot be");
        if (LOG_HEADER + length > left) return ending(SOUK_LDBFILE_TORN, offset, "it ends in a record");
        if (!sum_is(get32(at), at + 6, length + 1)) return ending(SOUK_LDBFILE_DAMAGED, offset, "a wrong checksum");
        struct souk_bytes body = { at + LOG_HEADER, length };
        const char *what = take_fragment(record, at[6], body, offset, visit, arg, &go_on);
        if (what) return ending(SOUK_LDBFILE_DAMAGED, offset, what);
        at += LOG_HEADER + length;
    }
    return go_on && record->open ? ending(SOUK_LDBFILE_TORN, record->began, "it ends in a record")
                                 : ending(SOUK_LDBFILE_WHOLE, 0, NULL);
}

struct souk_ldbfile
souk_ldbfile_log(struct souk_bytes file, souk_ldbfile_visit *visit, void *arg)
{
    struct record record = { 0 };
    struct souk_ldbfile found = read_log(&record, file, visit, arg);
    free(record.at);
    return found;
}

bool
souk_ldbfile_puts(struct souk_bytes record, uint64_t at, souk_ldbfile_visit *visit, void *arg)
{
    const uint8_t *begin = record.at, *end = begin + record.length, *from = begin + WRITE_HEADER;
    if (record.length < WRITE_HEADER) return false;
    for (uint32_t count = get32(begin + 8); count; count--) {
        struct souk_bytes key, value = { NULL, 0 };
        if (from == end) return false;
        bool put = *from++ == 1;
        if (!souk_ldbfile_text(&from, end, &key)) return false;
        if (!put) continue;
        if (!souk_ldbfile_text(&from, end, &value)) return false;
        uint64_t place = at == UINT64_MAX ? at : at + (uint64_t)((const uint8_t *)value.at - begin);
        if (!visit(arg, key, value, place)) return true;
    }
    return from == end;
}

/* ---- tables ---- */

struct table {
    struct souk_bytes file;
    souk_ldbfile_visit *visit;
    void *arg;
    struct souk_ldbfile found; /* The first damage. */
    bool go_on;
};

static void
note_damage(struct table *table, uint64_t at, const char *what)
{
    if (table->found.state == SOUK_LDBFILE_WHOLE) table->found = ending(SOUK_LDBFILE_DAMAGED, at, what);
}

/* The block that a handle leads to. */
static bool
open_block(struct table *table, const uint8_t **handle, const uint8_t *end, struct souk_bytes *block)
{
    const uint8_t *file = table->file.at;
    uint64_t at, length;
    if (!souk_ldbfile_number(handle, end, &at) || !souk_ldbfile_number(handle, end, &length)) return false;
    if (at > table->file.length || table->file.length - at < BLOCK_TRAILER ||
        length > table->file.length - at - BLOCK_TRAILER) {
        note_damage(table, at, "it is cut");
        return false;
    }
    if (!sum_is(get32(file + at + length + 1), file + at, length + 1)) {
        note_damage(table, at, "a wrong checksum");
        return false;
    }
    if (file[at + length] != 0) { /* Whole, and yet not what souk writes. */
        note_damage(table, at, "a compressed block");
        return false;
    }
    *block = (struct souk_bytes){ file + at, length };
    return true;
}

static void read_block(struct table *table, struct souk_bytes block, bool index);

/* An entry of the index leads to a block, one of a block is what the visitor gets. */
static void
take_entry(struct table *table, const uint8_t *key, size_t length, struct souk_bytes value, bool index)
{
    struct souk_bytes block;
    const uint8_t *handle = value.at;
    if (index) {
        if (open_block(table, &handle, handle + value.length, &block)) read_block(table, block, false);
    } else if (length >= INNER_KEY && key[length - INNER_KEY] == 1) {
        struct souk_bytes user = { key, length - INNER_KEY };
        table->go_on = table->visit(table->arg, user, value,
                                    (uint64_t)((const uint8_t *)value.at - (const uint8_t *)table->file.at));
    }
}

static void
read_block(struct table *table, struct souk_bytes block, bool index)
{
    enum { KEY_MAX = 256 }; /* Names in a vault have up to 64 bytes, positions 8. */
    uint8_t key[KEY_MAX];
    size_t length = 0;
    const uint8_t *at = block.at, *end = at + block.length;
    uint64_t offset = (uint64_t)(at - (const uint8_t *)table->file.at), shared, fresh, value_length;
    uint32_t restarts = block.length < 4 ? 0 : get32(end - 4);
    if (block.length < 4 || restarts > block.length / 4 - 1) {
        note_damage(table, offset, "a block that cannot be read");
        return;
    }
    end -= 4 + 4 * (size_t)restarts;
    while (at < end && table->go_on) {
        bool good = souk_ldbfile_number(&at, end, &shared) && souk_ldbfile_number(&at, end, &fresh) &&
                    souk_ldbfile_number(&at, end, &value_length) && shared <= length && fresh <= KEY_MAX - shared &&
                    fresh <= (uint64_t)(end - at) && value_length <= (uint64_t)(end - at) - fresh;
        if (!good) {
            note_damage(table, offset, "a block that cannot be read");
            return;
        }
        memcpy(key + shared, at, fresh);
        length = shared + fresh;
        at += fresh;
        take_entry(table, key, length, (struct souk_bytes){ at, value_length }, index);
        at += value_length;
    }
}

struct souk_ldbfile
souk_ldbfile_table(struct souk_bytes file, souk_ldbfile_visit *visit, void *arg)
{
    struct table table = { .file = file, .visit = visit, .arg = arg, .go_on = true };
    const uint8_t *begin = file.at;
    if (file.length < TABLE_FOOTER) return ending(SOUK_LDBFILE_DAMAGED, 0, "it is cut");
    const uint8_t *footer = begin + file.length - TABLE_FOOTER, *handles = footer, *end = footer + TABLE_FOOTER - 8;
    uint64_t meta_at, meta_length, magic = (uint64_t)get32(end) | (uint64_t)get32(end + 4) << 32;
    struct souk_bytes index;
    if (magic != TABLE_MAGIC || !souk_ldbfile_number(&handles, end, &meta_at) ||
        !souk_ldbfile_number(&handles, end, &meta_length))
        return ending(SOUK_LDBFILE_DAMAGED, (uint64_t)(footer - begin), "its footer is damaged");
    if (open_block(&table, &handles, end, &index)) read_block(&table, index, true);
    else note_damage(&table, (uint64_t)(footer - begin), "its footer is damaged");
    return table.found;
}
