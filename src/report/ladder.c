/*
 * ladder - the life of one connection as arrows between client and server.
 */
#include <inttypes.h>
#include <string.h>

#include "base/text.h"
#include "report/text.h"

#define ARROW_WIDTH 34 /* with both bars */
#define LADDER_LEFT 16 /* columns left of the arrows */
#define SILENCE_NS (500 * NS_PER_MS) /* longer pauses get a line of their own */

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
        return "sent again";
    case TIMELINE_ZERO_WINDOW:
        return "its buffer is full";
    case TIMELINE_FIN:
        return client ? "client closes" : "server closes";
    case TIMELINE_ACK_OF_FIN:
        return client ? "client has the FIN" : "server has the FIN";
    case TIMELINE_RST:
        return reset_meaning(r, role);
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
    };
    if (e->kind == TIMELINE_REQUEST && request[0] != '\0')
        strbuf_addf(out, "%s, ", request);
    else if (e->kind == TIMELINE_REQUEST && e->info > 1 && e->info <= UINT8_MAX)
        strbuf_addf(out, "%s, ", http_method_name((uint8_t)(e->info - 1)));
    else if (e->kind == TIMELINE_RESPONSE && e->info != 0)
        strbuf_addf(out, "%u, ", e->info);
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

static void arrow(FILE *out, const char *text, bool to_right)
{
    char line[ARROW_WIDTH + 1];
    size_t room = ARROW_WIDTH - 8, length = strlen(text);
    memset(line, '-', ARROW_WIDTH);
    line[0] = line[ARROW_WIDTH - 1] = '|';
    line[ARROW_WIDTH] = '\0';
    line[to_right ? ARROW_WIDTH - 2 : 1] = to_right ? '>' : '<';
    char cut[ARROW_WIDTH];
    if (length > room) {
        memcpy(cut, text, room - 3);
        memcpy(cut + room - 3, "...", 4);
        text = cut;
        length = room;
    }
    size_t at = (ARROW_WIDTH - length) / 2;
    line[at - 1] = ' ';
    memcpy(line + at, text, length);
    line[at + length] = ' ';
    fputs(line, out);
}

static bool shows(const struct timeline_entry *e, uint32_t frame)
{
    return e->kind == TIMELINE_REQUEST && frame >= e->frame && frame <= e->last_frame;
}

/* Method and target of the request that the finding is about, if the entry shows it. */
static void add_request(struct strbuf *out, const struct finding_connection *connection,
                        const struct timeline_entry *e)
{
    if (connection->exchange == NULL) {
        /* A rule about connections: the request that was outstanding, where the mark shows it. */
        const struct record *r = connection->record;
        if (shows(e, r->mark[MARK_REQUEST].frame))
            text_untrusted(out, r->request, strlen(r->request));
        return;
    }
    const struct exchange *x = connection->exchange->exchange;
    if (!shows(e, x->request.first_frame) || !x->request_head)
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

/* The client above the left bar, the server above the right one. */
static void ends(FILE *out, const struct record *r)
{
    struct strbuf client = { 0 }, server = { 0 };
    view_endpoint(&client, r, ROLE_CLIENT);
    view_endpoint(&server, r, ROLE_SERVER);
    int gap = ARROW_WIDTH - (int)client.length - (int)server.length;
    fprintf(out, "%*s%s%*s%s\n", LADDER_LEFT, "", strbuf_text(&client), gap > 2 ? gap : 2, "",
            strbuf_text(&server));
    strbuf_free(&client);
    strbuf_free(&server);
}

void text_ladder(FILE *out, const struct finding *finding,
                 const struct finding_connection *connection)
{
    const struct record *r = connection->record;
    const struct timeline *timeline = r->timeline;
    struct view_evidence evidence[MARKS];
    size_t evidence_count = view_evidence(finding, connection, evidence);
    struct strbuf text = { 0 };
    strbuf_addf(&text, "  Timeline of tcp.stream eq %" PRIu32
                ": seconds since its first packet; * marks the proof", r->tcp_stream);
    fprintf(out, "%s\n\n", strbuf_text(&text));
    ends(out, r);
    int64_t before = 0;
    for (unsigned i = 0; i < timeline_kept(timeline); i++) {
        const struct timeline_entry *e = timeline_at(timeline, i);
        enum end_role role = e->from == r->client ? ROLE_CLIENT : ROLE_SERVER;
        if (i == TIMELINE_FIRST && timeline_dropped(timeline) > 0)
            fprintf(out, "%*s|%*s|  (%" PRIu32 " more events)\n", LADDER_LEFT, "", ARROW_WIDTH - 2, "",
                    timeline_dropped(timeline));
        int64_t since = timeline_since_ns(e);
        if (since - before >= SILENCE_NS) {
            strbuf_clear(&text);
            text_duration(&text, since - before);
            fprintf(out, "%*s|%*s|  ... %s\n", LADDER_LEFT, "", ARROW_WIDTH - 2, "",
                    strbuf_text(&text));
        }
        before = since;
        strbuf_clear(&text);
        struct strbuf request = { 0 };
        add_request(&request, connection, e);
        label(&text, e, strbuf_text(&request));
        strbuf_free(&request);
        fprintf(out, "  %c %3" PRId64 ".%06" PRId64 "  ", proves(evidence, evidence_count, e) ? '*' : ' ',
                since / NS_PER_S, (since < 0 ? -since : since) % NS_PER_S / 1000);
        arrow(out, strbuf_text(&text), role == ROLE_CLIENT);
        fprintf(out, " #%-4" PRIu32 " %s\n", e->frame, meaning(r, e, role));
    }
    strbuf_free(&text);
}
