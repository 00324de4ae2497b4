/*
 * tls_facts - what a connection's TLS says of it: handshake, alerts, certificate, keys. Private to the floor.
 */
#ifndef HANGUP_TRACK_TLS_FACTS_H
#define HANGUP_TRACK_TLS_FACTS_H

#include "track/connection.h"

/* client: end of the tuple. */
void fill_tls(const struct connection *c, unsigned client, struct record *record);

/* Did the client refuse the server's certificate? Once it is known who closed, and where. */
void fill_refusal(const struct connection *c, unsigned client, struct record *record);

#endif
