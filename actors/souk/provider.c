/* SPDX-License-Identifier: Apache-2.0 */
/* souk/provider.c -- `souk provider`: options, the ready file, and the loop; main.c calls it.
 *
 * One thread does everything. SIGTERM and SIGINT end it with 0; a ledger that can't be written ends it at once, before
 * anything that isn't in it is answered. */
#include "provider.h"

#include "provider_api.h"

#include "world/world.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

enum { POLL_MS = 20, HOST_MAX = 256, SECRET_MAX = 512 };

struct options {
    const char *ready_file, *ledger, *path;
    char host[HOST_MAX], hook_host[HOST_MAX], secret[SECRET_MAX];
    uint16_t port, hook_port;
    size_t secret_length;
    struct provider_faults faults;
    bool hook, help;
};

static volatile sig_atomic_t stopping;

static void
on_signal(int number)
{
    (void)number;
    stopping = 1;
}

static const char usage_text[] =
    "usage: souk provider [--http HOST:PORT] [--ready-file FILE] [--ledger FILE]\n"
    "                     [--webhook http://HOST:PORT/PATH --webhook-secret-file FILE] [--faults LIST] [--seed N]\n"
    "\n"
    "A simulated payment provider: the part of Stripe's PaymentIntents API that souk uses, with manual capture.\n"
    "\n"
    "  --http HOST:PORT   where to listen; port 0 takes a free one (127.0.0.1:0)\n"
    "  --ready-file FILE  gets {\"http\":\"HOST:PORT\"} once it serves\n"
    "  --ledger FILE      gets a JSON line for each effect, before its answer is sent\n"
    "  --webhook URL      is told of each effect, signed with the secret in --webhook-secret-file\n"
    "  --seed N           decides whom faults hit (0)\n"
    "  --faults LIST      NAME=VALUE,... of\n"
    "      decline=P               a share of authorisations is declined\n"
    "      slow=MS                 every answer takes so long\n"
    "      timeout_after_charge=P  the effect happens, the answer never comes\n"
    "      error=P                 500 without effect, again for the same key\n"
    "      error_after_charge=P    500 although the effect happened\n"
    "      twice=P                 a webhook is delivered twice\n"
    "      down=S[@T]              S seconds of 503 and broken connections, T (2) seconds after the start\n"
    "      late=MS[@P]             a share (0.02) of authorisations stays `processing` so long\n"
    "      hold=MS                 how long a connection without an answer is held (30000)\n"
    "\n"
    "Tokens: tok_declined, tok_insufficient_funds and tok_requires_action do as they say, all others are good.\n";

static int
complain(const char *what, const char *value)
{
    fprintf(stderr, "souk provider: %s%s%s\n", what, value[0] != '\0' ? ": " : "", value);
    return EX_USAGE;
}

/* HOST:PORT, up to `end`. The host may be in brackets. */
static bool
address_read(const char *at, const char *end, char host[HOST_MAX], uint16_t *port)
{
    const char *colon = NULL;
    for (const char *c = at; c < end; c++)
        colon = *c == ':' ? c : colon;
    if (colon == NULL || colon + 1 == end || end - colon > 6 || colon == at || colon - at >= HOST_MAX)
        return false;
    unsigned number = 0;
    for (const char *c = colon + 1; c < end; c++) {
        if (*c < '0' || *c > '9')
            return false;
        number = number * 10 + (unsigned)(*c - '0');
    }
    bool bracketed = *at == '[' && colon[-1] == ']';
    at += bracketed;
    size_t length = (size_t)(colon - at) - bracketed;
    memcpy(host, at, length);
    host[length] = '\0';
    *port = (uint16_t)number;
    return number <= UINT16_MAX && length > 0;
}

static bool
webhook_read(struct options *options, const char *url)
{
    const char head[] = "http://";
    size_t length = sizeof head - 1;
    if (strncmp(url, head, length) != 0)
        return false;
    const char *slash = strchr(url + length, '/'), *end = slash != NULL ? slash : url + strlen(url);
    options->path = slash != NULL ? slash : "/";
    for (const char *c = options->path; *c != '\0'; c++)
        if (*c <= ' ' || *c > '~')
            return false;
    options->hook = true;
    return address_read(url + length, end, options->hook_host, &options->hook_port) && options->hook_port != 0;
}

/* The file's text without white space at its end. */
static bool
secret_read(struct options *options, const char *path)
{
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return false;
    size_t length = fread(options->secret, 1, sizeof options->secret, file);
    bool whole = !ferror(file) && length < sizeof options->secret;
    fclose(file);
    while (length > 0 && strchr(" \t\r\n", options->secret[length - 1]) != NULL)
        length--;
    options->secret_length = length;
    return whole && length > 0;
}

static bool
seed_read(const char *text, uint64_t *seed)
{
    char *end;
    errno = 0;
    *seed = strtoull(text, &end, 10);
    return errno == 0 && *end == '\0' && text[0] >= '0' && text[0] <= '9';
}

/* EX_OK, or the status to exit with. */
static int
options_read(struct options *options, int argc, char **argv)
{
    enum { HTTP, READY_FILE, LEDGER, WEBHOOK, SECRET_FILE, FAULTS, SEED, HELP };
    static const struct option known[] = {
        { "http", required_argument, NULL, HTTP }, { "ready-file", required_argument, NULL, READY_FILE },
        { "ledger", required_argument, NULL, LEDGER }, { "webhook", required_argument, NULL, WEBHOOK },
        { "webhook-secret-file", required_argument, NULL, SECRET_FILE },
        { "faults", required_argument, NULL, FAULTS }, { "seed", required_argument, NULL, SEED },
        { "help", no_argument, NULL, HELP }, { 0 }
    };
    char why[160];
    uint64_t seed = 0;
    optind = 1;
    for (int which; (which = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        if (which == '?')
            return EX_USAGE;
        if (which == HELP)
            options->help = true;
        else if (which == READY_FILE)
            options->ready_file = optarg;
        else if (which == LEDGER)
            options->ledger = optarg;
        else if (which == HTTP && !address_read(optarg, optarg + strlen(optarg), options->host, &options->port))
            return complain("--http is not HOST:PORT", optarg);
        else if (which == WEBHOOK && !webhook_read(options, optarg))
            return complain("--webhook is not http://HOST:PORT/PATH", optarg);
        else if (which == SECRET_FILE && !secret_read(options, optarg))
            return complain("cannot read a secret from the file", optarg), EX_NOINPUT;
        else if (which == FAULTS && !souk_provider_faults_parse(&options->faults, optarg, why, sizeof why))
            return complain(why, "");
        else if (which == SEED && !seed_read(optarg, &seed))
            return complain("--seed is not a number", optarg);
    }
    if (optind < argc)
        return complain("there is no such argument", argv[optind]);
    if (options->hook && options->secret_length == 0)
        return complain("--webhook needs --webhook-secret-file", "");
    souk_provider_faults_seed(&options->faults, seed);
    return EX_OK;
}

/* Whole or absent. */
static bool
ready_write(const struct options *options, uint16_t port)
{
    char path[4096], text[HOST_MAX + 64];
    int length = snprintf(path, sizeof path, "%s.new", options->ready_file);
    if (length < 0 || (size_t)length >= sizeof path) {
        errno = ENAMETOOLONG;
        return false;
    }
    bool six = strchr(options->host, ':') != NULL;
    length = snprintf(text, sizeof text, "{\"http\":\"%s%s%s:%u\"}\n", six ? "[" : "", options->host, six ? "]" : "",
                      (unsigned)port);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0)
        return false;
    bool written = write(fd, text, (size_t)length) == length;
    return close(fd) == 0 && written && rename(path, options->ready_file) == 0;
}

/* Serves until a signal comes. */
static void
serve(souk_loop *loop, souk_http *http, struct provider_api *api)
{
    const struct souk_world *world = souk_world_os();
    while (!stopping) {
        uint64_t now_ns = world->monotonic_ns(world->self), wall_ms = world->wall_ms(world->self);
        souk_http_tick(http, now_ns, wall_ms);
        souk_provider_hook_tick(api->hook, now_ns, wall_ms);
        uint64_t next = souk_provider_api_step(api, now_ns, wall_ms), most = (uint64_t)POLL_MS * 1000000;
        (void)souk_loop_poll(loop, next <= now_ns ? 0 : next - now_ns < most ? next - now_ns : most);
    }
}

static int
open_failed(const struct options *options, souk_err err)
{
    const char *why = err == SOUK_ERR_IO ? strerror(errno) : souk_err_text(err);
    fprintf(stderr, "souk provider: cannot listen on %s:%u: %s\n", options->host, (unsigned)options->port,
            err == SOUK_ERR_BUSY ? "the port is taken" : why);
    return err == SOUK_ERR_USAGE ? EX_NOHOST : err == SOUK_ERR_BUSY ? EX_TEMPFAIL : EX_OSERR;
}

/* Everything stands but the server. */
static int
run(const struct options *options, souk_loop *loop, struct provider_api *api)
{
    const struct souk_world *world = souk_world_os();
    souk_http *http = NULL;
    struct souk_http_options server = { .host = options->host, .port = options->port, .arg = api,
                                        .handler = souk_provider_api_handle };
    api->now_ns = api->began_ns = world->monotonic_ns(world->self);
    api->wall_ms = world->wall_ms(world->self);
    if (options->hook) {
        struct provider_hook_options hook = { .host = options->hook_host, .port = options->hook_port,
                                              .path = options->path,
                                              .secret = { options->secret, options->secret_length } };
        api->hook = souk_provider_hook_open(loop, &hook);
        if (api->hook == NULL)
            return complain("there is no such host", options->hook_host), EX_NOHOST;
    }
    souk_err err = souk_http_open(&http, loop, &server);
    int status = err != SOUK_OK ? open_failed(options, err) : EX_OK;
    if (status == EX_OK && options->ready_file != NULL && !ready_write(options, souk_http_port(http))) {
        fprintf(stderr, "souk provider: cannot write %s: %s\n", options->ready_file, strerror(errno));
        status = EX_CANTCREAT;
    }
    if (status == EX_OK)
        serve(loop, http, api);
    souk_provider_hook_close(&api->hook);
    souk_provider_api_close(api);
    souk_http_close(&http);
    return status;
}

int
souk_provider_main(int argc, char **argv)
{
    struct options options = { .host = "127.0.0.1", .path = "/" };
    struct provider_book book;
    souk_loop *loop = NULL;
    int status = options_read(&options, argc, argv);
    if (status != EX_OK || options.help) {
        fputs(usage_text, options.help ? stdout : stderr);
        return status;
    }
    if (!souk_provider_book_open(&book, &options.faults, options.ledger)) {
        fprintf(stderr, "souk provider: cannot open the ledger: %s\n", strerror(errno));
        return EX_CANTCREAT;
    }
    struct sigaction action = { .sa_handler = on_signal };
    stopping = 0;
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    struct provider_api api = { .book = &book, .faults = &options.faults };
    if (souk_loop_open(&loop) != SOUK_OK) {
        fprintf(stderr, "souk provider: cannot open a loop: %s\n", strerror(errno));
        status = EX_OSERR;
    } else {
        status = run(&options, loop, &api);
    }
    souk_loop_close(&loop);
    souk_provider_book_close(&book);
    return status;
}
