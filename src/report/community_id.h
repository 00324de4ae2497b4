/*
 * community_id - Community ID flow hash v1 (https://github.com/corelight/community-id-spec),
 * which Zeek, Suricata and Wireshark show for the same connection. Private to the floor.
 */
#ifndef HANGUP_REPORT_COMMUNITY_ID_H
#define HANGUP_REPORT_COMMUNITY_ID_H

#include "tcp/tcp_table.h"

#define COMMUNITY_ID_BYTES 32 /* "1:", 28 characters of base64, NUL */

void community_id(const struct tcp_tuple *tuple, char id[COMMUNITY_ID_BYTES]);

#endif
