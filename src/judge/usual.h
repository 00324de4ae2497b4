/*
 * usual - what nearly all connections and exchanges have in common: nothing is lost, late, refused or reset.
 *
 * One look tells, and most rules can hold for none of these. Private to the floor.
 */
#ifndef HANGUP_JUDGE_USUAL_H
#define HANGUP_JUDGE_USUAL_H

#include "track/connection.h"
#include "lang/fields.h"

/* What they promise of each fact stands in the registry (fields.def). */
bool usual_connection(const struct record *record);
bool usual_exchange(const struct connection *c, const struct exchange *exchange);

#endif
