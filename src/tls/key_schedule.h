/*
 * key_schedule - from the secrets that a key log holds to the keys of records.
 */
#ifndef HANGUP_TLS_KEY_SCHEDULE_H
#define HANGUP_TLS_KEY_SCHEDULE_H

#include "tls/key_log.h"
#include "tls/record_keys.h"

/* TLS 1.3: of one direction and one epoch (RFC 8446 section 7.3). */
void tls_keys_13(const struct tls_suite *suite, const struct tls_secret *secret, struct tls_record_keys *keys);

/* The secret that follows upon KeyUpdate (section 7.2). */
void tls_secret_update(const struct tls_suite *suite, struct tls_secret *secret);

/* TLS 1.2: of both directions, the client's first (RFC 5246 section 6.3). */
void tls_keys_12(const struct tls_suite *suite, const struct tls_secret *master, const uint8_t client_random[TLS_RANDOM_BYTES],
                 const uint8_t server_random[TLS_RANDOM_BYTES], bool encrypt_then_mac, struct tls_record_keys keys[2]);

#endif
