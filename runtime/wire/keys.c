/* SPDX-License-Identifier: Apache-2.0 */
/* wire/keys.c -- see keys.h. */
#include "wire/keys.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { FILE_MAX = 8192, KEYS_MAX = 65536 };

static bool
is_key(const char *at, size_t length)
{
    static const char alphabet[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                   ".-:+=^!/*?&<>()[]{}@%$#";
    return length == SOUK_WIRE_KEY - 1 && strspn(at, alphabet) >= length;
}

/* The text in quotes after `name =`, at the beginning of a line. */
static bool
find_key(const char *text, const char *name, char key[SOUK_WIRE_KEY])
{
    size_t name_length = strlen(name);
    for (const char *line = text; line; line = strchr(line, '\n'), line += line != NULL) {
        const char *at = line + strspn(line, " \t");
        if (strncmp(at, name, name_length)) continue;
        at += name_length;
        at += strspn(at, " \t");
        if (*at++ != '=') continue;
        at += strspn(at, " \t");
        if (*at++ != '"') continue;
        size_t length = strcspn(at, "\"\n");
        if (at[length] != '"' || !is_key(at, length)) continue;
        memcpy(key, at, length);
        key[length] = 0;
        return true;
    }
    return false;
}

souk_err
souk_keys_read(const char *path, const char *name, char key[SOUK_WIRE_KEY])
{
    char text[FILE_MAX + 1];
    FILE *file = fopen(path, "re");
    if (!file) return errno == ENOENT ? SOUK_ERR_MISSING : SOUK_ERR_IO;
    size_t length = fread(text, 1, FILE_MAX, file);
    bool failed = ferror(file);
    fclose(file);
    if (failed) return SOUK_ERR_IO;
    text[length] = 0;
    souk_err err = SOUK_ERR_MALFORMED;
    if (find_key(text, name, key)) err = SOUK_OK;
    while (length && strchr("\r\n \t", text[length - 1])) text[--length] = 0;
    if (err && is_key(text, length)) {
        memcpy(key, text, length + 1);
        err = SOUK_OK;
    }
    explicit_bzero(text, sizeof text); /* It may have been a secret. */
    return err;
}

static souk_err
add(struct souk_keys *keys, const char *key, size_t *room)
{
    if (keys->count == *room) {
        size_t wider = *room ? 2 * *room : 16;
        void *at = realloc(keys->at, wider * sizeof *keys->at);
        if (!at) return SOUK_ERR_MEMORY;
        keys->at = at;
        *room = wider;
    }
    memcpy(keys->at[keys->count++], key, SOUK_WIRE_KEY);
    return SOUK_OK;
}

souk_err
souk_keys_load(struct souk_keys *keys, const char *directory)
{
    struct stat status;
    DIR *dir = opendir(directory);
    if (!dir || stat(directory, &status)) {
        souk_keys_drop(keys);
        if (dir) closedir(dir);
        return SOUK_ERR_MISSING;
    }
    int64_t changed = (int64_t)status.st_mtim.tv_sec * 1000000000 + status.st_mtim.tv_nsec;
    if (keys->changed == changed) {
        closedir(dir);
        return SOUK_OK;
    }
    struct souk_keys fresh = { .changed = changed };
    size_t room = 0;
    souk_err err = SOUK_OK;
    for (struct dirent *entry; !err && fresh.count < KEYS_MAX && (entry = readdir(dir));) {
        char path[4096], key[SOUK_WIRE_KEY];
        int length = snprintf(path, sizeof path, "%s/%s", directory, entry->d_name);
        if (entry->d_name[0] == '.' || length < 0 || (size_t)length >= sizeof path) continue;
        if (!souk_keys_read(path, "public-key", key)) err = add(&fresh, key, &room);
    }
    closedir(dir);
    if (err) {
        souk_keys_drop(&fresh);
        return err;
    }
    souk_keys_drop(keys);
    *keys = fresh;
    return SOUK_OK;
}

bool
souk_keys_have(const struct souk_keys *keys, const char *key)
{
    for (size_t i = 0; i < keys->count; i++)
        if (!strcmp(keys->at[i], key)) return true;
    return false;
}

void
souk_keys_drop(struct souk_keys *keys)
{
    free(keys->at);
    *keys = (struct souk_keys){ NULL, 0, 0 };
}
