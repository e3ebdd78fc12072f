#include "app/answers_left.h"

#include <inttypes.h>

#include "base/cancel.h"
#include "base/log.h"
#include "base/text.h"
#include "pipeline/report_first.h"

/* The place is the warehouse that they lie in. */
static void name_origin(const struct config *config, const struct report_set *reports,
                        char ret_hex[static SHA256_HEX_SIZE])
{
    kept_answers_origin(config, reports, "", ret_hex);
}

struct making {
    struct warehouse *warehouse; /* that they are left in */
    struct warehouse *reader;    /* that is asked, with a limit of time */
    struct arena *arena;
    struct report_set *reports;
    struct report_state state;
    char origin[SHA256_HEX_SIZE];
    const char *version;
    struct buf text;
    size_t given_up; /* questions that took too long */
};

static void making_release(struct making *making)
{
    warehouse_close(making->reader);
    warehouse_close(making->warehouse);
    arena_free(making->arena);
    buf_release(&making->text);
}

/* What was asked while another batch was committed may be of either. */
static enum err_code leave(struct making *making, bool whole, struct err *err)
{
    CLEANUP_IN_PLACE(buf_release) struct buf text = {0};
    struct report_state now = {0};

    TRY(report_state_read(making->reports, making->reader, making->arena, &now, err));
    if (report_state_version(&now) != report_state_version(&making->state))
        return err_set(err, ERR_CONFLICT, "another batch was loaded meanwhile");
    buf_add(&text, making->text.data, making->text.size);
    kept_answers_end(&text);
    return warehouse_leave_answers(making->warehouse, making->origin,
                                   whole ? making->version : NULL, buf_text(&text), err);
}

/* A question that takes too long for a reader is left to who asks it. */
static enum err_code answer(struct making *making, const struct report_first_question *question,
                            struct err *err)
{
    CLEANUP_IN_PLACE(buf_release) struct buf key = {0}, document = {0};

    TRY(cancel_check(err));
    if (report_answer_json(question->report, &making->state, &question->filters, making->reader,
                           &document, err)) {
        making->given_up += err->code == ERR_TIMEOUT;
        return err->code == ERR_TIMEOUT ? ERR_OK : err->code;
    }
    report_answer_key(question->report, &question->filters, &key);
    kept_answers_add(buf_text(&key), &document, &making->text);
    return ERR_OK;
}

static enum err_code answer_all(struct making *making, struct err *err)
{
    CLEANUP_IN_PLACE(buf_release) struct buf choices = {0};
    struct report_first first;
    size_t done = 0;

    TRY(report_first_read(making->reports, &making->state, making->reader, making->arena, &first,
                          err));
    kept_answers_begin(making->origin,
                       &(struct kept_head){report_state_version(&making->state),
                                           making->state.batch, making->state.captured_us,
                                           making->state.has_rates, ""},
                       &making->text);
    report_choices_json(first.choices, &making->state, &choices);
    kept_answers_add(REPORT_CHOICES_KEY, &choices, &making->text);
    for (; done < first.count && first.questions[done].stage == REPORT_FIRST_HEADLINE; done++)
        TRY(answer(making, &first.questions[done], err));
    TRY(leave(making, false, err)); /* whoever is killed now has left what matters most */
    for (; done < first.count; done++)
        TRY(answer(making, &first.questions[done], err));
    return leave(making, true, err);
}

static enum err_code make(struct app *app, struct making *making, struct err *err)
{
    const struct config *config = app_config(app);
    bool wanted = false;

    if (text_starts(config_text(config, OPTION_WAREHOUSE_URL), "duckdb:"))
        return ERR_OK; /* it answers soon enough, and would have to be opened once more */
    TRY(app_warehouse_open(app, false, &making->warehouse, err));
    TRY(warehouse_is_large(making->warehouse, &wanted, err));
    if (!wanted)
        return ERR_OK;
    TRY(report_set_read(config_text(config, OPTION_MODELS), making->arena, &making->reports, err));
    if (!making->reports->count)
        return ERR_OK;
    TRY(app_warehouse_reader(app, 0, config_number(config, OPTION_SERVE_TIMEOUT), &making->reader,
                             err));
    TRY(report_state_read(making->reports, making->reader, making->arena, &making->state, err));
    if (!making->state.batch)
        return ERR_OK;
    name_origin(config, making->reports, making->origin);
    making->version = arena_printf(making->arena, "%" PRIu64, report_state_version(&making->state));
    TRY(warehouse_claim_answers(making->warehouse, making->origin, making->version, &wanted, err));
    if (!wanted)
        return ERR_OK;
    log_info("making the dashboard's first answers");
    return answer_all(making, err);
}

void answers_left_make(struct app *app)
{
    CLEANUP_IN_PLACE(making_release) struct making making = {.arena = arena_new(0)};
    struct err err;

    if (make(app, &making, &err) && !cancel_requested())
        log_warn("a dashboard that starts will take longer, for its first answers were not made: "
                 "%s",
                 err.message);
    if (making.given_up)
        log_debug("%zu of the dashboard's first answers took too long", making.given_up);
}

void answers_left_find(const struct config *config, const struct report_set *reports,
                       struct warehouse *warehouse, kept_answer_fn *each, void *arg)
{
    CLEANUP_IN_PLACE(buf_release) struct buf text = {0};
    CLEANUP(arena_free) struct arena *scratch = arena_new(0);
    char origin[SHA256_HEX_SIZE];
    struct kept_head head;
    struct err err;

    name_origin(config, reports, origin);
    if (warehouse_find_answers(warehouse, origin, &text, &err))
        log_debug("looking for the answers that load left: %s", err.message);
    else if (!kept_answers_read((struct span){.data = buf_text(&text), .size = text.size}, origin,
                                scratch, &head, each, arg))
        log_debug("load left no answers that can be used");
}
