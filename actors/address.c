/* SPDX-License-Identifier: Apache-2.0 */
/* address.c -- which texts may be ids, and public names of keys. Called by actors and by whoever stands at the door. */
#include "address.h"

static bool
id_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_'
           || c == ':' || c == '@' || c == '-';
}

bool
address_id_valid(struct souk_text id)
{
    if (!id.length || id.length > ADDRESS_ID_MAX) return false;
    for (size_t i = 0; i < id.length; i++)
        if (!id_byte(id.at[i])) return false;
    return true;
}

bool
address_visible(struct souk_text text, size_t max)
{
    if (!text.length || text.length > max) return false;
    for (size_t i = 0; i < text.length; i++)
        if (text.at[i] < 0x21 || text.at[i] > 0x7e) return false;
    return true;
}

void
address_write_name(souk_key key, char name[ADDRESS_NAME_LENGTH])
{
    static const char digits[] = "0123456789abcdef";
    for (int i = 0; i < 16; i++) {
        name[i] = digits[key.high >> (60 - 4 * i) & 15];
        name[16 + i] = digits[key.low >> (60 - 4 * i) & 15];
    }
}

bool
address_read_name(struct souk_text name, souk_key *key)
{
    uint64_t half[2] = { 0, 0 };
    if (name.length != ADDRESS_NAME_LENGTH) return false;
    for (size_t i = 0; i < ADDRESS_NAME_LENGTH; i++) {
        char c = name.at[i];
        bool decimal = c >= '0' && c <= '9';
        if (!decimal && (c < 'a' || c > 'f')) return false;
        half[i / 16] = half[i / 16] << 4 | (unsigned)(decimal ? c - '0' : c - 'a' + 10);
    }
    *key = (souk_key){ half[0], half[1] };
    return !souk_key_none(*key);
}
