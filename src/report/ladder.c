#include "report/ladder.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"

#define SILENCE_NS (500 * NS_PER_MS) /* longer pauses get a step of their own */

static const char *reset_meaning(const struct record *r, enum end_role role)
{
    switch ((enum tcp_reset_kind)r->rst_kind[role]) {
    case TCP_RESET_REFUSING:
        return "refuses: nobody listens";
    case TCP_RESET_ANSWERING:
        return "no such connection here";
    case TCP_RESET_ABORTING:
        return "aborts the connection";
    case TCP_RESET_FOREIGN:
        return "does not fit this end";
    case TCP_RESET_NONE:
        break;
    }
    return "resets";
}

static const char *meaning(const struct record *r, const struct timeline_entry *e,
                           enum end_role role)
{
    bool client = role == ROLE_CLIENT;
    switch ((enum timeline_kind)e->kind) {
    case TIMELINE_SYN:
        return "client opens";
    case TIMELINE_SYN_ACK:
        return "server's kernel accepts";
    case TIMELINE_HANDSHAKE_DONE:
        return "established";
    case TIMELINE_REQUEST:
        return e->info != 0 ? "request" : "request goes on";
    case TIMELINE_RESPONSE:
        return e->info >= 200 ? "response" : e->info >= 100 ? "interim response" : "response bytes";
    case TIMELINE_DATA:
        return "data";
    case TIMELINE_KEEP_ALIVE:
        return "TCP keep-alive probe";
    case TIMELINE_RETRANSMISSION:
        return e->count > 1 ? "sent again, here the last time" : "sent again";
    case TIMELINE_ZERO_WINDOW:
        return "its buffer is full";
    case TIMELINE_FIN:
        return client ? "client closes" : "server closes";
    case TIMELINE_ACK_OF_FIN:
        return client ? "client has the FIN" : "server has the FIN";
    case TIMELINE_RST:
        return reset_meaning(r, role);
    case TIMELINE_GOAWAY:
        return client ? "client takes no more streams" : "server takes no more streams";
    case TIMELINE_RST_STREAM:
        return client ? "client takes a stream back" : "server ends a stream";
    case TIMELINE_CONTROL:
        return "HTTP/2 control";
    }
    return "";
}

/* What stands on the arrow. */
static void label(struct strbuf *out, const struct timeline_entry *e, const char *request)
{
    static const char *const names[] = {
        [TIMELINE_SYN] = "SYN",
        [TIMELINE_SYN_ACK] = "SYN, ACK",
        [TIMELINE_HANDSHAKE_DONE] = "ACK",
        [TIMELINE_KEEP_ALIVE] = "ACK",
        [TIMELINE_RETRANSMISSION] = "retransmission",
        [TIMELINE_ZERO_WINDOW] = "window 0",
        [TIMELINE_FIN] = "FIN, ACK",
        [TIMELINE_ACK_OF_FIN] = "ACK",
        [TIMELINE_RST] = "RST",
        [TIMELINE_GOAWAY] = "GOAWAY",
        [TIMELINE_RST_STREAM] = "RST_STREAM",
    };
    if (e->kind == TIMELINE_REQUEST && request[0] != '\0')
        strbuf_addf(out, "%s, ", request);
    else if (e->kind == TIMELINE_REQUEST && e->info > 1 && e->info <= UINT8_MAX)
        strbuf_addf(out, "%s, ", http_method_name((uint8_t)(e->info - 1)));
    else if (e->kind == TIMELINE_RESPONSE && e->info != 0)
        strbuf_addf(out, "%u, ", e->info);
    else if (e->kind == TIMELINE_GOAWAY || e->kind == TIMELINE_RST_STREAM)
        strbuf_addf(out, "%s, ", names[e->kind]);
    if (e->bytes > 0) {
        text_count(out, e->bytes);
        strbuf_adds(out, " B");
    } else if (e->kind == TIMELINE_FIN && !e->ack) {
        strbuf_adds(out, "FIN");
    } else if (e->kind == TIMELINE_RST && e->ack) {
        strbuf_adds(out, "RST, ACK");
    } else if (names[e->kind] != NULL) {
        strbuf_adds(out, names[e->kind]);
    }
    if (e->count > 1)
        strbuf_addf(out, " in %u", e->count);
}

static bool shows(const struct timeline_entry *e, uint32_t frame, uint16_t capture)
{
    return e->kind == TIMELINE_REQUEST && frame >= e->frame && frame <= e->last_frame && capture == e->capture;
}

/* Method and target of the request that the finding is about, if the entry shows it. */
static void add_request(struct strbuf *out, const struct finding_connection *connection,
                        const struct timeline_entry *e)
{
    if (connection->exchange == NULL) {
        /* A rule about connections: the request that was outstanding, where the mark shows it. */
        const struct record *r = connection->record;
        const struct mark *request = record_mark(r, MARK_REQUEST);
        if (shows(e, request->frame, request->capture))
            text_untrusted(out, r->request, strlen(r->request));
        return;
    }
    const struct exchange *x = connection->exchange->exchange;
    if (!shows(e, x->request.first_frame, x->request.first_capture) || !x->request_head)
        return;
    strbuf_adds(out, exchange_method(x));
    if (x->target[0] != '\0')
        strbuf_addc(out, ' ');
    text_untrusted(out, x->target, strlen(x->target));
}

static bool proves(const struct view_evidence *evidence, size_t count,
                   const struct timeline_entry *e)
{
    for (size_t i = 0; i < count; i++)
        if (evidence[i].mark.frame >= e->frame && evidence[i].mark.frame <= e->last_frame &&
            evidence[i].mark.capture == e->capture)
            return true;
    return false;
}

/* Whole characters of UTF-8, as many as fit. */
static void set_label(struct ladder_step *step, const struct strbuf *text)
{
    size_t length = text->length < LADDER_LABEL_BYTES ? text->length : LADDER_LABEL_BYTES - 1;
    while (length < text->length && length > 0 && (strbuf_text(text)[length] & 0xc0) == 0x80)
        length--;
    memcpy(step->label, strbuf_text(text), length);
    step->label[length] = '\0';
}

static struct ladder_step arrow_of(const struct finding_connection *connection, const struct timeline_entry *e,
                                   bool proves, bool *failed)
{
    const struct record *r = connection->record;
    enum end_role role = e->from == r->client ? ROLE_CLIENT : ROLE_SERVER;
    struct ladder_step step = { .kind = LADDER_ARROW, .since_ns = timeline_since_ns(e), .frame = e->frame,
                                .file = e->capture != r->capture ? e->capture + 1u : 0,
                                .to_server = role == ROLE_CLIENT, .proves = proves, .meaning = meaning(r, e, role) };
    struct strbuf request = { 0 }, text = { 0 };
    add_request(&request, connection, e);
    label(&text, e, strbuf_text(&request));
    set_label(&step, &text);
    *failed |= request.failed || text.failed;
    strbuf_free(&request);
    strbuf_free(&text);
    return step;
}

bool ladder_make(const struct finding *finding, const struct finding_connection *connection, struct ladder *ladder)
{
    const struct record *r = connection->record;
    const struct timeline *timeline = r->timeline;
    struct view_evidence evidence[MARKS];
    size_t evidence_count = view_evidence(finding, connection, evidence);
    unsigned kept = timeline_kept(timeline);
    *ladder = (struct ladder){ .tcp_stream = r->tcp_stream, .file = r->capture + 1u };
    view_endpoint(&ladder->client, r, ROLE_CLIENT);
    view_endpoint(&ladder->server, r, ROLE_SERVER);
    ladder->steps = malloc((2 * kept + 1) * sizeof *ladder->steps); /* a silence before each, and what was omitted */
    if (ladder->steps == NULL)
        return false;
    bool failed = ladder->client.failed || ladder->server.failed;
    int64_t before = 0;
    for (unsigned i = 0; i < kept; i++) {
        const struct timeline_entry *e = timeline_at(timeline, i);
        int64_t since = timeline_since_ns(e);
        if (i == TIMELINE_FIRST && timeline_dropped(timeline) > 0)
            ladder->steps[ladder->count++] =
                (struct ladder_step){ .kind = LADDER_OMITTED, .count = timeline_dropped(timeline) };
        if (since - before >= SILENCE_NS)
            ladder->steps[ladder->count++] = (struct ladder_step){ .kind = LADDER_SILENCE, .since_ns = since - before };
        before = since;
        ladder->steps[ladder->count++] = arrow_of(connection, e, proves(evidence, evidence_count, e), &failed);
    }
    return !failed;
}

void ladder_free(struct ladder *ladder)
{
    strbuf_free(&ladder->client);
    strbuf_free(&ladder->server);
    free(ladder->steps);
}
