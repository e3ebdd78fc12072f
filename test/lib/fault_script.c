#include "lib/fault_script.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/unit.h"
#include "net/http.h"

static char address[64];
static struct http *client;

/* The end of the pipe that the server reads stays open until this program ends. */
const char *fault_server_start(void)
{
    int input[2], output[2];
    char line[32] = "";

    if (*address)
        return address;
    if (pipe(input) || pipe(output))
        fail_msg("no pipes");
    pid_t child = fork();
    if (child == 0) {
        (void)dup2(input[0], STDIN_FILENO);
        (void)dup2(output[1], STDOUT_FILENO);
        (void)close(input[1]);
        (void)execlp("python3", "python3", "test/lib/fault_server.py", (char *)NULL);
        _exit(127);
    }
    (void)close(input[0]);
    (void)close(output[1]);
    if (read(output[0], line, sizeof line - 1) <= 0)
        fail_msg("fault_server.py did not start");
    (void)close(output[0]);
    line[strcspn(line, "\n")] = '\0';
    (void)snprintf(address, sizeof address, "http://127.0.0.1:%s", line);
    client = http_new(NULL);
    return address;
}

static void ask(const char *path, struct span body, struct http_response *response)
{
    char url[128];
    struct err err;

    (void)snprintf(url, sizeof url, "%s%s", address, path);
    const struct http_request request = {
        .method = body.size ? "POST" : "GET", .url = url, .body = body, .finish = true};
    if (http_send(client, &request, response, &err) || response->status != 200)
        fail_msg("fault_server.py: %s", err.message);
}

void fault_script(const char *upstream, const char *rules)
{
    CLEANUP_IN_PLACE(http_response_release) struct http_response response = {0};
    CLEANUP_IN_PLACE(buf_release) struct buf body = {0};

    if (upstream)
        buf_addf(&body, "{\"upstream\": \"%s\", \"rules\": [%s]}", upstream, rules);
    else
        buf_addf(&body, "{\"rules\": [%s]}", rules);
    ask("/_script", (struct span){body.data, body.size}, &response);
}

const char *fault_log(struct arena *arena)
{
    CLEANUP_IN_PLACE(http_response_release) struct http_response response = {0};

    ask("/_log", (struct span){0}, &response);
    return arena_strdup(arena, buf_text(&response.body));
}

unsigned fault_count(const char *text)
{
    CLEANUP(arena_free) struct arena *arena = arena_new(0);
    unsigned count = 0;

    for (const char *at = fault_log(arena); *at;) {
        size_t size = strcspn(at, "\n");
        const char *line = arena_strndup(arena, at, size);
        count += strstr(line, text) != NULL;
        at += size + (at[size] == '\n');
    }
    return count;
}
