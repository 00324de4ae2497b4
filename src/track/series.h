/*
 * series - how many connections stood where over time, per server and per client: the past as ss
 * would have shown it, from packets alone.
 *
 * Looked at are at most SERIES_SAMPLES instants, which lie `width` apart from the capture's first packet
 * on. The width begins at 1 ms and doubles when the capture outgrows the samples; then every second
 * instant stays, so that what is known of it is exact. What begins and ends between two instants is not
 * seen, as with ss.
 *
 * Where the numbers come from:
 * - An end stands in the TCP state that its own and the other end's segments prove (tcp_edges.def), at
 *   the time of the segment that proves it. A connection that began before the capture is established from
 *   its first packet on.
 * - An end that closed first stays in TIME_WAIT for 60 s, as on Linux, unless a reset or a new connection
 *   on the same ports ends it. (Where both ends did, only a reset.) Every other state lasts until a packet
 *   ends it: an orphan in FIN_WAIT_2 that its kernel drops in silence is counted on.
 * - A connection is in a phase of HTTP from its handshake to the first FIN or reset; the client's FIN does
 *   not end a request that waits for its response. Where HTTP could not be followed, no phase is counted.
 *
 * Cost: per connection and exchange, not per packet. Series of parts of the traffic that have the same
 * origin are added by series_merge, to the same result as one series over all.
 */
#ifndef HANGUP_TRACK_SERIES_H
#define HANGUP_TRACK_SERIES_H

#include "base/slab.h"
#include "track/connection.h"

#define SERIES_SAMPLES 128
#define SERIES_TIME_WAIT_MS UINT64_C(60000)
/* With more different servers or clients than this, that kind is left out altogether: which ones come
 * first depends on how the traffic was split. */
#define SERIES_MAX_KEYS 1024

enum series_phase {
    SERIES_FRESH,    /* established, no request yet */
    SERIES_REQUEST,  /* a request is incomplete */
    SERIES_WAITING,  /* no response byte yet */
    SERIES_RESPONSE, /* a response is incomplete */
    SERIES_IDLE,     /* between exchanges */
    SERIES_TUNNEL,   /* upgraded or CONNECT */
    SERIES_OPAQUE,   /* not HTTP/1 in the clear */
    SERIES_PHASES
};

const char *series_phase_name(enum series_phase phase);

/* A row of numbers: connections in one state at one end, or in one phase. */
#define SERIES_STATE(role, state) ((unsigned)(role) * TCP_STATES + (unsigned)(state))
#define SERIES_PHASE(phase) (2u * TCP_STATES + (unsigned)(phase))
#define SERIES_COUNTS (2u * TCP_STATES + SERIES_PHASES)
/* Private: ends of TIME_WAIT, which lie beyond the samples while the capture goes on. */
#define SERIES_TIME_WAIT_ENDS(role) (SERIES_COUNTS + (unsigned)(role))
#define SERIES_ROWS (SERIES_COUNTS + 2u)

enum series_kind { SERIES_SERVERS, SERIES_CLIENTS, SERIES_KINDS };

struct series_key {
    struct ip_address address;
    uint16_t port; /* 0 of clients */
    bool ipv6;
};

struct series_row; /* changes from sample to sample */

struct series_entry {
    struct series_key key;
    uint64_t connections;
    struct series_row *rows[SERIES_ROWS]; /* NULL: nothing was counted */
};

struct series_table {
    struct series_entry *items;
    size_t count, capacity;
    uint16_t slots[2 * SERIES_MAX_KEYS]; /* index + 1; 0: free */
    struct slab rows;
    bool left_out; /* more than SERIES_MAX_KEYS */
};

struct series {
    int64_t origin_ns;  /* INT64_MAX: not known yet */
    int64_t reach_ns;   /* later times need a wider width */
    unsigned doublings; /* of the width */
    struct series_table tables[SERIES_KINDS];
};

/* One connection was in one state for a while: from a sample on, up to another. */
struct series_span {
    uint8_t row;
    uint8_t from, to;
    bool ends_apart; /* TIME_WAIT: `to` is a place in the row of its ends */
};

/* TIME_WAIT of a connection that is over, should its ports be used again. */
struct series_rest {
    uint16_t ms;    /* how long before the connection's last packet it began, plus 1; 0: it did not */
    uint8_t role;   /* enum end_role */
    uint8_t client; /* which end of the tuple */
};

void series_init(struct series *series);
void series_free(struct series *series);

/* The time of the capture's first packet; to be told before any span. Earlier times count as this. */
void series_begin(struct series *series, int64_t origin_ns);

/* The capture reaches to that time at least. */
void series_reach(struct series *series, int64_t ns);

/* Whole milliseconds since the origin, rounded up: a span covers the instants at and after its begin. */
static inline uint64_t series_ms(const struct series *series, int64_t ns)
{
    return ns <= series->origin_ns
               ? 0
               : ((uint64_t)ns - (uint64_t)series->origin_ns - 1) / UINT64_C(1000000) + 1;
}

static inline uint64_t series_sample(const struct series *series, uint64_t ms)
{
    return (ms + (UINT64_C(1) << series->doublings) - 1) >> series->doublings;
}

/* The first sample at that time or later, SERIES_SAMPLES at most. The capture must have been said to reach
 * there, and samples are good until it is said to reach further. */
static inline unsigned series_at(const struct series *series, int64_t ns)
{
    return (unsigned)series_sample(series, series_ms(series, ns));
}

/* TIME_WAIT of the role from then on, until it ends by itself. */
struct series_span series_time_wait(const struct series *series, enum end_role role,
                                    int64_t since_ns);

/* Adds spans of one connection, for its server and its client, and so many connections (once 1, else 0).
 * The functions below return false when there is no memory. */
bool series_add(struct series *series, const struct tcp_tuple *tuple, unsigned client,
                const struct series_span *spans, size_t count, unsigned connections);

/* What series_reuse has to know of an end that went into TIME_WAIT. */
struct series_rest series_rest_of(const struct series *series, enum end_role role, unsigned client,
                                  int64_t since_ns, int64_t last_ns);

/* The next two are in series_spans.c. An exchange is complete; its connection does not have it as `done`
 * yet. */
bool series_exchange(struct series *series, const struct connection *connection,
                     const struct exchange *exchange);

/* A connection is over, or the capture is. */
bool series_connection(struct series *series, const struct connection *connection,
                       const struct record *record, int64_t now_ns, struct series_rest *rest);

/* New use of the ports of a connection that was heard last at last_ns. */
bool series_reuse(struct series *series, const struct tcp_tuple *tuple, struct series_rest rest,
                  int64_t last_ns, int64_t reused_ns);

/* Adds what another part of the traffic brought. */
bool series_merge(struct series *series, const struct series *other);

/* ---- what came out --------------------------------------------------------------------- */

int64_t series_width_ns(const struct series *series);

/* How many of the instants lie in a capture that ends at last_ns. */
unsigned series_samples(const struct series *series, int64_t last_ns);

/* Those with the most connections, then in order of address and port; returns how many. */
size_t series_top(const struct series *series, enum series_kind kind,
                  const struct series_entry *top[], size_t most);

/* Numbers at each instant; returns the highest. Where that is 0, the numbers are not filled in. */
uint32_t series_values(const struct series *series, const struct series_entry *entry, unsigned row,
                       unsigned samples, uint32_t values[SERIES_SAMPLES]);

#endif
