/*
 * reassembly - payload in order. Private to the floor.
 *
 * In-order bytes are handed on in place; only bytes behind a hole are copied. A hole that the
 * other end acknowledged was never captured: it becomes a gap.
 */
#ifndef HANGUP_TCP_REASSEMBLY_H
#define HANGUP_TCP_REASSEMBLY_H

#include "tcp/tcp_conn.h"

/* The payload of a segment whose first byte has number seq. Returns notes on it. */
unsigned reassembly_input(struct tcp_conn *conn, unsigned from, const struct segment *segment,
                          uint32_t seq, struct tcp_budget *budget, const struct tcp_sink *sink);

/* The other end has acknowledged up to `ack`: holes below are lost if bytes behind them wait, and have waited
 * longer than packets are mixed up by a capture. */
void reassembly_acked(struct tcp_conn *conn, unsigned from, uint32_t ack, int64_t now_ns,
                      struct tcp_budget *budget, const struct tcp_sink *sink);

/* In the middle of a connection the other end waits for seq, and the first segment of this one lies behind that: what is in between
 * passed before the capture began, unless it still comes, overtaken. */
void reassembly_joins(struct tcp_end *end, uint32_t seq, struct tcp_budget *budget);

/* `segment`, of the other end, acknowledges bytes of `end` up to `seq` that were not handed on yet: if they
 * do not come out of order, they were not captured, and were sent before that. */
void reassembly_note_gap(struct tcp_end *end, const struct segment *segment, uint32_t seq, struct tcp_budget *budget);

/* An end whose bytes were acknowledged before they were seen sends a segment that begins at seq: does it lie behind them? An ACK alone
 * may be damaged, or forged. The end has holes. */
void reassembly_confirm_gap(struct tcp_end *end, uint32_t seq);

/* Hands on what has waited long enough for the bytes that it answers. */
void reassembly_tick(struct tcp_conn *conn, int64_t now_ns, struct tcp_budget *budget, const struct tcp_sink *sink);

/* The segment that first acknowledged bytes of this end beyond those that were handed on; false: none did, or it is not
 * known any more. */
bool reassembly_shown_by(const struct tcp_end *end, struct tcp_shown *shown_by);

/* Those were no bytes. */
void reassembly_forget_gap(struct tcp_end *end);

/* Hands on everything up to the last byte known to exist, and frees what waits. last_ns: when
 * the end was last heard of. */
void reassembly_flush(struct tcp_conn *conn, unsigned from, int64_t last_ns,
                      struct tcp_budget *budget, const struct tcp_sink *sink);

#endif
