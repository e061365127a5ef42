/* SPDX-License-Identifier: Apache-2.0 */
/* souk/protocol.h -- from one table of messages to structs, tags, coders, layouts and dispatch.
 *
 * The only clever macros in souk. A kind's header lists what can be said to it and what it remembers:
 *
 *     #define STOCK_TABLE(RECORD, REFUSAL, COMMAND, REPLY, QUERY, EVENT, F, L, O)                     \
 *       RECORD(stock_line, F(1, key, sku) F(2, u32, units))                                           \
 *       REFUSAL(1, stock_sold_out, "no unit is free")                                                 \
 *       COMMAND(1, stock_reserve, internal, F(1, key, reservation) F(2, u32, units) O(3, text, note)) \
 *       REPLY(2, stock_paid, account_debit)                                                           \
 *       QUERY(1, stock_show, stock_line, F(1, bool, settled))                                         \
 *       EVENT(1, stock_reserved, F(1, key, reservation) L(2, u32, units, 64))
 *     SOUK_PROTOCOL(stock, 2, STOCK_TABLE);
 *
 * F is a required field, O an optional one (`has_note` says whether), L a list with its cap; the numbers count up from
 * 1 in each message, without gaps: they are the order of the fields on disk and on the wire. Rows and trailing fields
 * may be added, none renumbered; a field that is no longer used stays as O. A new field of an old message is O.
 * Types: bool u32 u64 i64 key text bytes asker, or a RECORD above. Commands and replies share their numbers. `public`
 * commands are accepted from outside, `internal` ones only from actors; queries are public. REPLY(n, name, command)
 * handles the outcome of an ask of that command.
 *
 * The kind's .c file lists its state, writes decide_<command>(), decide_<reply>(), answer_<query>(), apply_<event>()
 * and check_<kind>(), and ends with SOUK_ACTOR(). `scons expand=stock` prints what the macros make.
 *
 * An event whose meaning or shape must change gets a new row; the old one, as it was, moves to a table of the past that
 * both SOUK_PROTOCOL() and SOUK_ACTOR() take as one more argument:
 *
 *     #define STOCK_PAST(LIFTED, F, L, O) \
 *       LIFTED(1, stock_reserved_1, stock_reserved, F(1, key, reservation) F(2, u32, units))
 *
 * It is never emitted again, and nobody applies it: lift_stock_reserved_1(), a pure function of the kind's .c file,
 * makes a stock_reserved of it wherever the journal is read; see souk/actor.h. An event may be lifted more than once,
 * each time to one with a higher number. */
#ifndef SOUK_PROTOCOL_H
#define SOUK_PROTOCOL_H

#include <souk/body.h>

enum souk_type { SOUK_BOOL = 1, SOUK_U32, SOUK_U64, SOUK_I64, SOUK_KEY, SOUK_STR, SOUK_BIN, SOUK_ASKER, SOUK_REC };
enum souk_shape { SOUK_ONE, SOUK_OPTIONAL, SOUK_LIST, SOUK_MAP };

struct souk_layout;

/* One field of a message, a record or a state. */
struct souk_field {
    const char *name;
    enum souk_type type;
    enum souk_shape shape;
    uint32_t cap;                     /* Of a list; 0 in a state, where lists grow. */
    size_t offset, has_offset;        /* In the struct; the second only for an optional field. */
    const struct souk_layout *record; /* For SOUK_REC. */
};

/* A message, a record or a state as data: for snapshots, tools, JSON, schemas and fuzzing. The hot paths use the
 * coders: size() bytes are what put() writes; get() is false when the bytes don't fit the table. */
struct souk_layout {
    const char *name;
    size_t size;
    uint32_t count;
    const struct souk_field *(*fields)(void);
    size_t (*encoded)(const void *message);
    uint8_t *(*put)(uint8_t *at, const void *message);
    bool (*get)(struct souk_reader *in, void *message);
};

/* SOUK_LIFTED: an event of the past, which becomes another when it is read. */
enum souk_class { SOUK_COMMAND = 1, SOUK_REPLY, SOUK_QUERY, SOUK_EVENT, SOUK_LIFTED };

/* One row of a kind's table. */
struct souk_row {
    enum souk_class class;
    uint32_t kind, tag;
    bool is_public;
    const struct souk_layout *layout; /* NULL for a reply. */
    const struct souk_layout *view;   /* What a query answers. */
    const char *name;
    /* Of SOUK_LIFTED: the tag of the event that it becomes, and how. */
    uint32_t to;
    void (*lift)(const void *old, void *lifted, struct souk_scratch *scratch);
};

struct souk_refusal { uint32_t code; const char *name, *sentence; };

/* ---- What a field becomes. ---- */

#define SOUK_STRUCT_F_(number, type, name) souk_c_##type name;
#define SOUK_STRUCT_L_(number, type, name, cap) souk_list_##type name;
#define SOUK_STRUCT_O_(number, type, name) souk_c_##type name; bool has_##name;

/* Each enumerator is one more than the last; the division by zero is the error when the table says otherwise. */
#define SOUK_ORDER_F_(number, type, name)                                                           \
    , souk_at_##name, souk_number_out_of_order_##name = souk_at_##name / (souk_at_##name == (number))
#define SOUK_ORDER_L_(number, type, name, cap)                                                      \
    , souk_at_##name, souk_number_out_of_order_##name = souk_at_##name / (souk_at_##name == (number))

#define SOUK_PLUS_F_(number, type, name) + 1
#define SOUK_PLUS_L_(number, type, name, cap) + 1
#define SOUK_ZERO_O_(number, type, name)

#define SOUK_SIZE_F_(number, type, name) size += souk_size_##type(&m->name);
#define SOUK_SIZE_L_(number, type, name, cap)                                                       \
    souk_assert(m->name.count <= (cap)); size += souk_size_array_(m->name.count);                   \
    for (uint32_t i = 0; i < m->name.count; i++) size += souk_size_##type(&m->name.at[i]);
#define SOUK_SIZE_O_(number, type, name) size += m->has_##name ? souk_size_##type(&m->name) : 1;

#define SOUK_PUT_F_(number, type, name) p = souk_put_##type(p, &m->name);
#define SOUK_PUT_L_(number, type, name, cap)                                                        \
    p = souk_put_array_(p, m->name.count);                                                          \
    for (uint32_t i = 0; i < m->name.count; i++) p = souk_put_##type(p, &m->name.at[i]);
#define SOUK_PUT_O_(number, type, name) p = m->has_##name ? souk_put_##type(p, &m->name) : souk_put_nil_(p);

/* The fast way takes a body that is exactly as souk writes it, in registers; at the first surprise it gives up, and the
 * slow one begins anew. */
#define SOUK_FAST_F_(number, type, name) && souk_fast_##type(&p, end, &m->name)
#define SOUK_FAST_L_(number, type, name, cap) && (m->name.at = NULL, m->name.count = 0, p < end) && *p++ == 0x90
#define SOUK_FAST_O_(number, type, name)                                                            \
    && p < end && (m->has_##name = *p != 0xc0, m->has_##name ? souk_fast_##type(&p, end, &m->name)  \
                                                             : (p++, memset(&m->name, 0, sizeof m->name), true))

#define SOUK_GET_F_(number, type, name) if (souk_get_required_(in, number)) souk_get_##type(in, &m->name);
#define SOUK_GET_L_(number, type, name, cap)                                                        \
    if (souk_get_required_(in, number)) {                                                           \
        uint32_t count = souk_get_count_(in, cap);                                                  \
        souk_c_##type *at = souk_scratch_take_(in, count, sizeof *at);                              \
        for (uint32_t i = 0; i < count && !in->bad; i++) souk_get_##type(in, &at[i]);               \
        m->name.at = at;                                                                            \
        m->name.count = count;                                                                      \
    }
#define SOUK_GET_O_(number, type, name)                                                             \
    m->has_##name = souk_get_optional_(in, number);                                                 \
    if (m->has_##name) souk_get_##type(in, &m->name);

/* The element type of a field is found by _Generic; what it doesn't know is a record, whose layout has its name. */
#define SOUK_TYPE_OF_(ctype)                                                                        \
    _Generic((ctype *)0, bool *: SOUK_BOOL, uint32_t *: SOUK_U32, uint64_t *: SOUK_U64,             \
             int64_t *: SOUK_I64, souk_key *: SOUK_KEY, struct souk_text *: SOUK_STR,               \
             struct souk_bytes *: SOUK_BIN, souk_asker *: SOUK_ASKER, default: SOUK_REC)
#define SOUK_LAYOUT_F_(number, type, name)                                                          \
    { #name, SOUK_TYPE_OF_(souk_c_##type), SOUK_ONE, 0, offsetof(self, name), 0, souk_layout_of_##type },
#define SOUK_LAYOUT_L_(number, type, name, cap)                                                     \
    { #name, SOUK_TYPE_OF_(souk_c_##type), SOUK_LIST, cap, offsetof(self, name), 0, souk_layout_of_##type },
#define SOUK_LAYOUT_O_(number, type, name)                                                          \
    { #name, SOUK_TYPE_OF_(souk_c_##type), SOUK_OPTIONAL, 0, offsetof(self, name),                  \
      offsetof(self, has_##name), souk_layout_of_##type },
#define souk_layout_of_bool NULL
#define souk_layout_of_u32 NULL
#define souk_layout_of_u64 NULL
#define souk_layout_of_i64 NULL
#define souk_layout_of_key NULL
#define souk_layout_of_text NULL
#define souk_layout_of_bytes NULL
#define souk_layout_of_asker NULL

/* ---- What a row becomes in the header: a struct, a tag, coders, a row to name in the verbs. ---- */

#define SOUK_NOTHING_(...)

/* The table of the past, when there is one: SOUK_PAST_OF_(_, ##__VA_ARGS__, SOUK_NO_PAST_). */
#define SOUK_PAST_OF_(_, PAST, ...) PAST
#define SOUK_NO_PAST_(LIFTED, F, L, O)

#define SOUK_STRUCT_(message, fields) struct message { fields };
#define SOUK_STRUCT_RECORD_(record, ...)                                                            \
    SOUK_STRUCT_(record, __VA_ARGS__)                                                               \
    typedef struct record souk_c_##record;                                                          \
    SOUK_LIST_TYPE_(record)
#define SOUK_STRUCT_COMMAND_(number, message, access, ...) SOUK_STRUCT_(message, __VA_ARGS__)
#define SOUK_STRUCT_QUERY_(number, message, view, ...) SOUK_STRUCT_(message, __VA_ARGS__)
#define SOUK_STRUCT_EVENT_(number, message, ...) SOUK_STRUCT_(message, __VA_ARGS__)
#define SOUK_STRUCT_LIFTED_(number, message, to, ...) SOUK_STRUCT_(message, __VA_ARGS__)

#define SOUK_NAMES_RECORD_(record, ...) extern const struct souk_layout souk_layout_of_##record[1];
#define SOUK_NAMES_REFUSAL_(number, name, sentence) enum { name = number };
#define SOUK_NAMES_COMMAND_(number, message, access, ...)                                           \
    enum { message##_tag = number };                                                                \
    extern const struct souk_layout souk_layout_of_##message[1];                                              \
    extern const struct souk_row message##_command;
#define SOUK_NAMES_REPLY_(number, reply, command)                                                   \
    enum { reply##_tag = number, reply##_answers_##command = number };
#define SOUK_NAMES_QUERY_(number, message, view, ...)                                               \
    enum { message##_tag = number };                                                                \
    extern const struct souk_layout souk_layout_of_##message[1];                                              \
    extern const struct souk_row message##_query;
#define SOUK_NAMES_EVENT_(number, message, ...)                                                     \
    enum { message##_tag = number, souk_happens_##message = number };                               \
    extern const struct souk_layout souk_layout_of_##message[1];                                              \
    extern const struct souk_row message##_event;
#define SOUK_NAMES_LIFTED_(number, message, to, ...)                                                \
    enum { message##_tag = number, souk_happens_##message = number };                               \
    extern const struct souk_layout souk_layout_of_##message[1];                                              \
    extern const struct souk_row message##_lifted;

#define SOUK_REQUIRED_RECORD_(record, ...) enum { record##_required = 0 __VA_ARGS__ };
#define SOUK_REQUIRED_COMMAND_(number, message, access, ...) SOUK_REQUIRED_RECORD_(message, __VA_ARGS__)
#define SOUK_REQUIRED_QUERY_(number, message, view, ...) SOUK_REQUIRED_RECORD_(message, __VA_ARGS__)
#define SOUK_REQUIRED_EVENT_(number, message, ...) SOUK_REQUIRED_RECORD_(message, __VA_ARGS__)
#define SOUK_REQUIRED_LIFTED_(number, message, to, ...) SOUK_REQUIRED_RECORD_(message, __VA_ARGS__)

#define SOUK_FIELDS_RECORD_(record, ...) enum { record##_fields = 0 __VA_ARGS__ };
#define SOUK_FIELDS_COMMAND_(number, message, access, ...) SOUK_FIELDS_RECORD_(message, __VA_ARGS__)
#define SOUK_FIELDS_QUERY_(number, message, view, ...) SOUK_FIELDS_RECORD_(message, __VA_ARGS__)
#define SOUK_FIELDS_EVENT_(number, message, ...) SOUK_FIELDS_RECORD_(message, __VA_ARGS__)
#define SOUK_FIELDS_LIFTED_(number, message, to, ...) SOUK_FIELDS_RECORD_(message, __VA_ARGS__)

#define SOUK_NUMBERS_RECORD_(record, ...)                                                           \
    static inline void SOUK_UNUSED souk_numbers_##record(void) { enum { souk_none_ = 0 __VA_ARGS__ }; }
#define SOUK_NUMBERS_COMMAND_(number, message, access, ...) SOUK_NUMBERS_RECORD_(message, __VA_ARGS__)
#define SOUK_NUMBERS_QUERY_(number, message, view, ...) SOUK_NUMBERS_RECORD_(message, __VA_ARGS__)
#define SOUK_NUMBERS_EVENT_(number, message, ...) SOUK_NUMBERS_RECORD_(message, __VA_ARGS__)
#define SOUK_NUMBERS_LIFTED_(number, message, to, ...) SOUK_NUMBERS_RECORD_(message, __VA_ARGS__)

#define SOUK_SIZER_RECORD_(record, ...)                                                             \
    static inline SOUK_UNUSED size_t souk_size_##record(const void *v)                                          \
    {                                                                                               \
        const struct record *m SOUK_UNUSED = v;                                                     \
        size_t size = souk_size_array_(record##_fields);                                            \
        __VA_ARGS__                                                                                 \
        return size;                                                                                \
    }
#define SOUK_SIZER_COMMAND_(number, message, access, ...) SOUK_SIZER_RECORD_(message, __VA_ARGS__)
#define SOUK_SIZER_QUERY_(number, message, view, ...) SOUK_SIZER_RECORD_(message, __VA_ARGS__)
#define SOUK_SIZER_EVENT_(number, message, ...) SOUK_SIZER_RECORD_(message, __VA_ARGS__)
#define SOUK_SIZER_LIFTED_(number, message, to, ...) SOUK_SIZER_RECORD_(message, __VA_ARGS__)

#define SOUK_PUTTER_RECORD_(record, ...)                                                            \
    static inline SOUK_UNUSED uint8_t *souk_put_##record(uint8_t *p, const void *v)                             \
    {                                                                                               \
        const struct record *m SOUK_UNUSED = v;                                                     \
        p = souk_put_array_(p, record##_fields);                                                    \
        __VA_ARGS__                                                                                 \
        return p;                                                                                   \
    }
#define SOUK_PUTTER_COMMAND_(number, message, access, ...) SOUK_PUTTER_RECORD_(message, __VA_ARGS__)
#define SOUK_PUTTER_QUERY_(number, message, view, ...) SOUK_PUTTER_RECORD_(message, __VA_ARGS__)
#define SOUK_PUTTER_EVENT_(number, message, ...) SOUK_PUTTER_RECORD_(message, __VA_ARGS__)
#define SOUK_PUTTER_LIFTED_(number, message, to, ...) SOUK_PUTTER_RECORD_(message, __VA_ARGS__)

#define SOUK_FASTER_RECORD_(record, ...)                                                            \
    static inline SOUK_UNUSED bool souk_fast_##record(const uint8_t **at, const uint8_t *end, struct record *m) \
    {                                                                                               \
        const uint8_t *p = *at;                                                                     \
        bool fast = record##_fields < 16 && p < end && *p++ == (0x90 | (record##_fields & 15)) __VA_ARGS__; \
        if (fast) *at = p;                                                                          \
        (void)m;                                                                                    \
        return fast;                                                                                \
    }
#define SOUK_FASTER_COMMAND_(number, message, access, ...) SOUK_FASTER_RECORD_(message, __VA_ARGS__)
#define SOUK_FASTER_QUERY_(number, message, view, ...) SOUK_FASTER_RECORD_(message, __VA_ARGS__)
#define SOUK_FASTER_EVENT_(number, message, ...) SOUK_FASTER_RECORD_(message, __VA_ARGS__)
#define SOUK_FASTER_LIFTED_(number, message, to, ...) SOUK_FASTER_RECORD_(message, __VA_ARGS__)

#define SOUK_GETTER_RECORD_(record, ...)                                                            \
    static SOUK_UNUSED __attribute__((noinline)) bool souk_slow_##record(struct souk_reader *in, struct record *m) \
    {                                                                                               \
        uint32_t outer = in->left;                                                                  \
        memset(m, 0, sizeof *m);                                                                    \
        in->left = souk_get_array_(in);                                                             \
        __VA_ARGS__                                                                                 \
        while (in->left && !in->bad) souk_skip_(in), in->left--;                                    \
        in->left = outer;                                                                           \
        return !in->bad;                                                                            \
    }                                                                                               \
    static inline SOUK_UNUSED bool souk_get_##record(struct souk_reader *in, void *v)               \
    {                                                                                               \
        return (!in->bad && souk_fast_##record(&in->at, in->end, v)) || souk_slow_##record(in, v);  \
    }
#define SOUK_GETTER_COMMAND_(number, message, access, ...) SOUK_GETTER_RECORD_(message, __VA_ARGS__)
#define SOUK_GETTER_QUERY_(number, message, view, ...) SOUK_GETTER_RECORD_(message, __VA_ARGS__)
#define SOUK_GETTER_EVENT_(number, message, ...) SOUK_GETTER_RECORD_(message, __VA_ARGS__)
#define SOUK_GETTER_LIFTED_(number, message, to, ...) SOUK_GETTER_RECORD_(message, __VA_ARGS__)

/* One pass over a kind's table, and over its past. */
#define SOUK_PASS_(TABLE, PAST, PASS, F, L, O)                                                      \
    TABLE(SOUK_##PASS##_RECORD_, SOUK_NOTHING_, SOUK_##PASS##_COMMAND_, SOUK_NOTHING_,              \
          SOUK_##PASS##_QUERY_, SOUK_##PASS##_EVENT_, F, L, O)                                      \
    PAST(SOUK_##PASS##_LIFTED_, F, L, O)

/* In a kind's header, after its table. The number is on disk and on the wire; it is the kind's for ever. What follows
 * the table is the table of its past. */
#define SOUK_PROTOCOL(actor, number, TABLE, ...)                                                    \
    SOUK_PROTOCOL_(actor, number, TABLE, SOUK_PAST_OF_(_, ##__VA_ARGS__, SOUK_NO_PAST_))
#define SOUK_PROTOCOL_(actor, number, TABLE, PAST)                                                  \
    enum { actor##_kind_number = number };                                                          \
    SOUK_PASS_(TABLE, PAST, STRUCT, SOUK_STRUCT_F_, SOUK_STRUCT_L_, SOUK_STRUCT_O_)                 \
    TABLE(SOUK_NAMES_RECORD_, SOUK_NAMES_REFUSAL_, SOUK_NAMES_COMMAND_, SOUK_NAMES_REPLY_,          \
          SOUK_NAMES_QUERY_, SOUK_NAMES_EVENT_, SOUK_NOTHING_, SOUK_NOTHING_, SOUK_NOTHING_)        \
    PAST(SOUK_NAMES_LIFTED_, SOUK_NOTHING_, SOUK_NOTHING_, SOUK_NOTHING_)                           \
    SOUK_PASS_(TABLE, PAST, REQUIRED, SOUK_PLUS_F_, SOUK_PLUS_L_, SOUK_ZERO_O_)                     \
    SOUK_PASS_(TABLE, PAST, FIELDS, SOUK_PLUS_F_, SOUK_PLUS_L_, SOUK_PLUS_F_)                       \
    SOUK_PASS_(TABLE, PAST, NUMBERS, SOUK_ORDER_F_, SOUK_ORDER_L_, SOUK_ORDER_F_)                   \
    SOUK_PASS_(TABLE, PAST, SIZER, SOUK_SIZE_F_, SOUK_SIZE_L_, SOUK_SIZE_O_)                        \
    SOUK_PASS_(TABLE, PAST, PUTTER, SOUK_PUT_F_, SOUK_PUT_L_, SOUK_PUT_O_)                          \
    SOUK_PASS_(TABLE, PAST, FASTER, SOUK_FAST_F_, SOUK_FAST_L_, SOUK_FAST_O_)                       \
    SOUK_PASS_(TABLE, PAST, GETTER, SOUK_GET_F_, SOUK_GET_L_, SOUK_GET_O_)                          \
    extern const struct souk_kind actor##_kind

#endif
