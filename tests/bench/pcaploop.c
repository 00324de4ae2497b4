/*
 * pcaploop - the least that a program reading a capture through libpcap can cost.
 *
 *     pcaploop FILE      prints: packets, captured bytes
 *
 * The yardstick of bench.sh: whatever a program needs beyond this, it spends on its own work.
 */
#define _DEFAULT_SOURCE /* pcap.h says u_char and u_int */
#include <inttypes.h>
#include <pcap/pcap.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    char error[PCAP_ERRBUF_SIZE];
    struct pcap_pkthdr *head;
    const u_char *bytes;
    uint64_t packets = 0, total = 0;
    pcap_t *capture;
    int status;

    if (argc != 2) {
        fputs("usage: pcaploop FILE\n", stderr);
        return 2;
    }
    capture = pcap_open_offline(argv[1], error);
    if (!capture) {
        fprintf(stderr, "pcaploop: %s\n", error);
        return 2;
    }
    while ((status = pcap_next_ex(capture, &head, &bytes)) == 1) {
        packets++;
        total += head->caplen;
    }
    if (status == PCAP_ERROR)
        fprintf(stderr, "pcaploop: %s: %s\n", argv[1], pcap_geterr(capture));
    else
        printf("%" PRIu64 " %" PRIu64 "\n", packets, total);
    pcap_close(capture);
    return status == PCAP_ERROR ? 2 : 0;
}
