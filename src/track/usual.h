/*
 * usual - what nearly all connections and exchanges have in common: nothing is lost, late, refused or reset.
 *
 * One look tells, and most rules can hold for none of these. What they promise of each fact stands in the registry
 * (lang/fields.def).
 */
#ifndef HANGUP_TRACK_USUAL_H
#define HANGUP_TRACK_USUAL_H

#include "track/connection.h"

/* Durations that are usual are not longer: rules look for what takes longer. */
#define USUAL_SHORTLY_NS NS_PER_S

bool usual_connection(const struct record *record);
bool usual_exchange(const struct connection *c, const struct exchange *exchange);

#endif
