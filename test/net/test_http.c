/* Everything that talks to AWS, and Lambda's runtime protocol, stands on this. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"
#include "base/workers.h"
#include "lib/fault_script.h"
#include "lib/unit.h"
#include "net/http.h"

struct place {
    struct arena *arena;
    struct http *http;
    struct http_response response;
    struct err err;
};

static int set_up(void **state)
{
    struct place *place = mem_zalloc(1, sizeof *place);

    *state = place;
    place->arena = arena_new(0);
    place->http = http_new(NULL);
    return 0;
}

static int tear_down(void **state)
{
    struct place *place = *state;

    http_response_release(&place->response);
    http_free(place->http);
    arena_free(place->arena);
    free(place);
    return 0;
}

static const char *url(struct place *place, const char *path)
{
    return arena_printf(place->arena, "%s%s", fault_server_start(), path);
}

static enum err_code send(struct place *place, struct http_request request, const char *path)
{
    request.url = url(place, path);
    return http_send(place->http, &request, &place->response, &place->err);
}

static void an_answer_of_any_status_is_an_answer(void **state)
{
    struct place *place = *state;
    static const int statuses[] = {200, 204, 301, 404, 503};

    for (size_t i = 0; i < COUNT_OF(statuses); i++) {
        fault_script(NULL, arena_printf(place->arena,
                                        "{\"do\": \"answer\", \"status\": %d, \"headers\": "
                                        "{\"X-Some\": \"  a: b \", \"ETag\": \"\\\"e\\\"\"}, "
                                        "\"body\": \"%s\"}",
                                        statuses[i], statuses[i] == 204 ? "" : "text"));
        assert_int_equal(send(place, (struct http_request){0}, "/x"), ERR_OK);
        assert_int_equal(place->response.status, statuses[i]);
        assert_string_equal(buf_text(&place->response.body), statuses[i] == 204 ? "" : "text");
        assert_string_equal(http_response_header(&place->response, "x-some"), "a: b");
        assert_string_equal(http_response_header(&place->response, "etag"), "\"e\"");
        assert_null(http_response_header(&place->response, "x-none"));
    }
}

/* The address is signed: not a byte of it may change on its way. */
static void the_address_is_sent_as_it_is(void **state)
{
    struct place *place = *state;

    fault_script(NULL, "{\"times\": -1, \"do\": \"answer\"}");
    assert_int_equal(send(place, (struct http_request){0}, "/a/../b/./c//d%2F%2f?x=%20&y"), ERR_OK);
    assert_int_equal(fault_count("GET /a/../b/./c//d%2F%2f?x=%20&y 200"), 1);
}

struct pieces {
    size_t left;
    enum err_code fail;
};

static enum err_code next_piece(void *arg, void *data, size_t size, size_t *ret_size,
                                struct err *err)
{
    struct pieces *pieces = arg;

    if (pieces->fail && pieces->left < 1000000)
        return err_set(err, pieces->fail, "the source failed");
    *ret_size = size < pieces->left ? size : pieces->left;
    memset(data, 'b', *ret_size);
    pieces->left -= *ret_size;
    return ERR_OK;
}

static void bodies_go_out_from_memory_and_from_a_source(void **state)
{
    struct place *place = *state;
    struct pieces pieces = {.left = 3000000};

    fault_script(NULL, "{\"times\": -1, \"do\": \"answer\", \"headers_match\": "
                       "{\"content-length\": \"3000000\"}, \"status\": 201}, {\"times\": -1, "
                       "\"do\": \"answer\", \"headers_match\": {\"content-length\": \"4\"}}, "
                       "{\"times\": -1, \"do\": \"answer\", \"headers_match\": "
                       "{\"content-length\": \"0\"}, \"status\": 202}");
    struct http_request request = {.method = "PUT", .body = {"body", 4}};
    assert_int_equal(send(place, request, "/"), ERR_OK);
    assert_int_equal(place->response.status, 200);
    request = (struct http_request){.method = "POST"};
    assert_int_equal(send(place, request, "/"), ERR_OK);
    assert_int_equal(place->response.status, 202);
    request = (struct http_request){
        .method = "PUT", .source = next_piece, .source_arg = &pieces, .source_size = 3000000};
    assert_int_equal(send(place, request, "/"), ERR_OK);
    assert_int_equal(place->response.status, 201);
    pieces = (struct pieces){.left = 3000000, .fail = ERR_DATA};
    assert_int_equal(send(place, request, "/"), ERR_DATA);
    assert_string_equal(place->err.message, "the source failed");
}

static enum err_code take_piece(void *arg, const void *data, size_t size, struct err *err)
{
    struct buf *taken = arg;

    if (taken->size + size > 5000000)
        return err_set(err, ERR_IO, "the sink is full");
    buf_add(taken, data, size);
    return ERR_OK;
}

static void bodies_come_in_whole_in_pieces_or_not_at_all(void **state)
{
    struct place *place = *state;
    CLEANUP_IN_PLACE(buf_release) struct buf taken = {0}, text = {0};
    struct http_request request = {.sink = take_piece, .sink_arg = &taken};

    for (int i = 0; i < 200000; i++)
        buf_add_text(&text, "0123456789");
    fault_script(NULL, arena_printf(place->arena,
                                    "{\"times\": 2, \"do\": \"answer\", \"body\": \"%s\"}, "
                                    "{\"times\": -1, \"do\": \"answer\", \"status\": 500, "
                                    "\"body\": \"why\"}",
                                    text.data));
    assert_int_equal(send(place, request, "/"), ERR_OK);
    assert_int_equal(taken.size, text.size);
    assert_memory_equal(taken.data, text.data, text.size);
    assert_int_equal(place->response.body.size, 0);
    assert_int_equal(send(place, (struct http_request){0}, "/"), ERR_DATA);
    assert_non_null(strstr(place->err.message, "more than 1048576 bytes"));
    /* The sink is for what was asked for, not for the reason why it is not given. */
    assert_int_equal(send(place, request, "/"), ERR_OK);
    assert_string_equal(buf_text(&place->response.body), "why");
    assert_int_equal(taken.size, text.size);
}

static void what_breaks_off_is_never_taken_for_whole(void **state)
{
    struct place *place = *state;

    fault_script(fault_server_start(), "{\"match\": \"/cut\", \"times\": -1, \"do\": \"cut\"}, "
                                       "{\"match\": \"/reset\", \"times\": -1, \"do\": \"reset\"}, "
                                       "{\"match\": \"/long\", \"do\": \"answer\", \"headers\": "
                                       "{\"Content-Length\": \"100\", \"Connection\": \"close\"}, "
                                       "\"body\": \"short\"}");
    assert_int_equal(send(place, (struct http_request){0}, "/reset"), ERR_UNAVAILABLE);
    assert_non_null(strstr(place->err.message, fault_server_start()));
    assert_null(strstr(place->err.message, "/reset"));
    const struct http_request impatient = {.stall_timeout_us = 300000};
    assert_int_not_equal(send(place, impatient, "/long"), ERR_OK);
}

static void time_limits_hold(void **state)
{
    struct place *place = *state;
    int64_t begin_us = clock_monotonic_us();

    fault_script(NULL, "{\"times\": -1, \"do\": \"hang\", \"seconds\": 10}");
    const struct http_request stalled = {.stall_timeout_us = 200000};
    assert_int_equal(send(place, stalled, "/"), ERR_TIMEOUT);
    const struct http_request late = {.deadline_us = clock_monotonic_us() + 200000};
    assert_int_equal(send(place, late, "/"), ERR_TIMEOUT);
    assert_non_null(strstr(place->err.message, "deadline"));
    const struct http_request too_late = {.deadline_us = begin_us};
    assert_int_equal(send(place, too_late, "/"), ERR_TIMEOUT);
    assert_true(clock_monotonic_us() - begin_us < 5000000);
}

static void *press_ctrl_c(void *arg)
{
    (void)arg;
    clock_sleep_us(200000);
    cancel_request();
    return NULL;
}

static void ctrl_c_ends_a_request_unless_it_cleans_up(void **state)
{
    struct place *place = *state;
    int64_t begin_us = clock_monotonic_us();
    pthread_t thread;

    fault_script(NULL, "{\"match\": \"/hang\", \"times\": -1, \"do\": \"hang\", \"seconds\": 10}, "
                       "{\"times\": -1, \"do\": \"answer\"}");
    assert_int_equal(pthread_create(&thread, NULL, press_ctrl_c, NULL), 0);
    assert_int_equal(send(place, (struct http_request){0}, "/hang"), ERR_CANCELLED);
    (void)pthread_join(thread, NULL);
    assert_true(clock_monotonic_us() - begin_us < 5000000);
    assert_int_equal(send(place, (struct http_request){0}, "/"), ERR_CANCELLED);
    assert_int_equal(send(place, (struct http_request){.finish = true}, "/"), ERR_OK);
    cancel_clear();
}

static void nobody_there_is_told_with_the_address(void **state)
{
    struct place *place = *state;
    struct http_request request = {.url = "http://127.0.0.1:1/secret-path?secret-query"};

    assert_int_equal(http_send(place->http, &request, &place->response, &place->err),
                     ERR_UNAVAILABLE);
    assert_non_null(strstr(place->err.message, "http://127.0.0.1:1: cannot be reached"));
    assert_null(strstr(place->err.message, "secret"));
    request.url = "http://no-such-host.invalid/";
    assert_int_equal(http_send(place->http, &request, &place->response, &place->err),
                     ERR_UNAVAILABLE);
    request.url = "file:///etc/passwd";
    assert_int_equal(http_send(place->http, &request, &place->response, &place->err), ERR_CONFIG);
}

static enum err_code ask_often(void *arg, unsigned worker, size_t task, struct err *err)
{
    CLEANUP_IN_PLACE(http_response_release) struct http_response response = {0};
    struct place *place = arg;
    const struct http_request request = {
        .url = url(&(struct place){.arena = place[worker].arena}, "/x")};

    (void)task;
    TRY(http_send(place->http, &request, &response, err));
    return response.status == 200 ? ERR_OK : err_set(err, ERR_DATA, "status %d", response.status);
}

/* A connection a request would cost as much as the request itself; the server counts them. */
static void connections_are_kept_and_shared_by_threads(void **state)
{
    struct place *place = *state;
    struct place places[4];

    for (size_t i = 0; i < COUNT_OF(places); i++)
        places[i] = (struct place){.arena = arena_new(0), .http = place->http};
    fault_script(NULL, "{\"times\": -1, \"do\": \"answer\"}");
    if (workers_run(4, 400, ask_often, places, &place->err))
        fail_msg("%s", place->err.message);
    assert_int_equal(fault_count("GET /x 200"), 400);
    assert_int_equal(send(place, (struct http_request){0}, "/_connections"), ERR_OK);
    uint64_t connections = 0;
    assert_true(text_to_u64(buf_text(&place->response.body), &connections));
    assert_in_range(connections, 1, 5);
    for (size_t i = 0; i < COUNT_OF(places); i++)
        arena_free(places[i].arena);
}

static void certificates_are_verified(void **state)
{
    struct place *place = *state;
    CLEANUP(work_dir_close) struct work_dir *work = NULL;
    char port[16] = "";

    assert_int_equal(work_dir_open(NULL, &work, &place->err), ERR_OK);
    const char *dir = work_dir_path(work);
    const char *command = arena_printf(
        place->arena,
        "cd %s && openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext "
        "subjectAltName=DNS:localhost -keyout key.pem -out cert.pem 2>/dev/null",
        dir);
    assert_int_equal(system(command), 0);
    FILE *server = popen(arena_printf(place->arena,
                                      "exec python3 test/lib/fault_server.py --tls %s/cert.pem "
                                      "%s/key.pem </dev/null",
                                      dir, dir),
                         "r");
    assert_non_null(server);
    assert_non_null(fgets(port, sizeof port, server));
    port[strcspn(port, "\n")] = '\0';
    const char *ca = arena_printf(place->arena, "%s/cert.pem", dir);
    CLEANUP(http_free) struct http *trusting = http_new(&(struct http_options){.ca_file = ca});
    struct http_request request = {.url =
                                       arena_printf(place->arena, "https://localhost:%s/", port)};
    assert_int_equal(http_send(place->http, &request, &place->response, &place->err), ERR_DENIED);
    assert_non_null(strstr(place->err.hint, "AWS_CA_BUNDLE"));
    assert_int_equal(http_send(trusting, &request, &place->response, &place->err), ERR_OK);
    assert_int_equal(place->response.status, 404);
    request.url = arena_printf(place->arena, "https://127.0.0.1:%s/", port);
    assert_int_equal(http_send(trusting, &request, &place->response, &place->err), ERR_DENIED);
    request.url = arena_printf(place->arena, "https://localhost:%s/_exit", port);
    (void)!http_send(trusting, &request, &place->response, &place->err);
    (void)pclose(server);
}

static void dates_of_http_are_instants(void **state)
{
    int64_t at_us = 7;
    (void)state;

    assert_true(http_date_parse("Fri, 24 May 2013 00:00:00 GMT", &at_us));
    assert_true(at_us == INT64_C(1369353600000000));
    assert_false(http_date_parse("yesterday evening", &at_us));
}

#define WITH_A_CLIENT(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_A_CLIENT(an_answer_of_any_status_is_an_answer),
        WITH_A_CLIENT(the_address_is_sent_as_it_is),
        WITH_A_CLIENT(bodies_go_out_from_memory_and_from_a_source),
        WITH_A_CLIENT(bodies_come_in_whole_in_pieces_or_not_at_all),
        WITH_A_CLIENT(what_breaks_off_is_never_taken_for_whole),
        WITH_A_CLIENT(time_limits_hold),
        WITH_A_CLIENT(ctrl_c_ends_a_request_unless_it_cleans_up),
        WITH_A_CLIENT(nobody_there_is_told_with_the_address),
        WITH_A_CLIENT(connections_are_kept_and_shared_by_threads),
        WITH_A_CLIENT(certificates_are_verified),
        cmocka_unit_test(dates_of_http_are_instants),
    };

    cancel_install();
    (void)fault_server_start();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
