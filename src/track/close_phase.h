/*
 * close_phase - where the conversation stood when an end closed, as that end saw it.
 */
#ifndef HANGUP_TRACK_CLOSE_PHASE_H
#define HANGUP_TRACK_CLOSE_PHASE_H

#include "track/connection.h"

/* What the closing end knew. */
struct view {
    bool server;      /* the closing end is the server */
    uint32_t seq, ack;
    bool ack_known;
};

bool sees_request_start(const struct view *view, const struct exchange *exchange);
bool sees_request_end(const struct view *view, const struct exchange *exchange);
bool sees_response_start(const struct view *view, const struct exchange *exchange);
bool sees_response_end(const struct view *view, const struct exchange *exchange);

/* Where it stood: between which messages. */
enum close_phase phase_of(const struct connection *c, const struct view *view);

/* The same where exchanges are inferred: what their turns, and the times in the record, let one say of that phase. */
enum close_phase phase_inferred(const struct connection *c, const struct view *view, const struct record *record,
                                enum close_phase phase);

#endif
