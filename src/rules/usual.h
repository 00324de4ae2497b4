/*
 * usual - what nearly all connections and exchanges have in common: nothing is lost, late, refused or reset.
 *
 * One look tells, and most rules can hold for none of these. Private to the floor.
 */
#ifndef HANGUP_RULES_USUAL_H
#define HANGUP_RULES_USUAL_H

#include "facts/connection.h"
#include "rules/fields.h"

bool usual_connection(const struct record *record);
bool usual_exchange(const struct connection *c, const struct http_exchange *exchange);

/* The values of a field, as its get_integer has them, in usual connections and exchanges: they lie between
 * two, NS_ABSENT being the lowest, and none is unknown. false: nothing is known of it. */
bool usual_values(const struct field *field, int64_t *low, int64_t *high);

#endif
