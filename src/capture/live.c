#include "capture/live.h"

#include <pcap/pcap.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#ifdef HAVE_SYS_PRCTL_H
#include <sys/prctl.h>
#endif

#include "base/text.h"

/* How long packets may wait to be handed over together; also how long Ctrl-C takes. */
#define LIVE_TIMEOUT_MS 100

struct live {
    pcap_t *pcap;
    struct live_options options;
    bool nanoseconds;
    uint16_t link_type;
    uint32_t frame;
    int64_t started_ns; /* monotonic */
    int64_t stop_ns;    /* monotonic: when reading ends; 0: nobody asked yet */
};

static int64_t clock_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec;
}

static int64_t monotonic_ns(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}

static bool time_is_up(const struct live *live)
{
    return live->options.max_duration_ns > 0 &&
           monotonic_ns() - live->started_ns >= live->options.max_duration_ns;
}

/* What the kernel has captured and not handed over yet is read before the end. */
static bool is_over(struct live *live)
{
    if (live->stop_ns == 0 && (live->options.stopped(live->options.context) || time_is_up(live)))
        live->stop_ns = monotonic_ns() + 3 * LIVE_TIMEOUT_MS / 2 * NS_PER_MS;
    return live->stop_ns != 0 && monotonic_ns() >= live->stop_ns;
}

static void note_drops(struct capture *capture)
{
    struct live *live = capture->state;
    struct pcap_stat stat;
    if (pcap_stats(live->pcap, &stat) == 0)
        capture->info.dropped_packets = (int64_t)stat.ps_drop + stat.ps_ifdrop;
}

/* Waiting is done here: libpcap's own may go on without end while no packet comes, and would
 * neither see an interrupt nor the end of the time. false: none came. */
static bool wait_for_packet(const struct live *live)
{
    struct pollfd fd = { pcap_get_selectable_fd(live->pcap), POLLIN, 0 };
    return poll(&fd, fd.fd >= 0, LIVE_TIMEOUT_MS) > 0;
}

/* One packet a call: libpcap's packet is valid only until it is asked again. */
static enum capture_event live_read(struct capture *capture, struct capture_batch *batch, struct err *err)
{
    (void)err;
    struct live *live = capture->state;
    const struct live_options *o = &live->options;
    while (!is_over(live) && (o->max_packets == 0 || live->frame < o->max_packets)) {
        struct pcap_pkthdr *header;
        const u_char *data;
        int got = pcap_next_ex(live->pcap, &header, &data);
        if (got == 0 && wait_for_packet(live))
            continue;
        if (got == 0) {
            batch->now_ns = clock_ns(CLOCK_REALTIME);
            return CAPTURE_IDLE;
        }
        if (got < 0) {
            /* An interface that goes away ends the capture; what was seen still counts. */
            capture_break(capture, "%s: %s", o->interface, pcap_geterr(live->pcap));
            break;
        }
        batch->packets[0] = (struct packet){
            .ts_ns = (int64_t)header->ts.tv_sec * NS_PER_S +
                     (int64_t)header->ts.tv_usec * (live->nanoseconds ? 1 : 1000),
            .data = data,
            .caplen = header->caplen,
            .len = header->len < header->caplen ? header->caplen : header->len,
            .frame = ++live->frame,
            .link_type = live->link_type,
        };
        batch->count = 1;
        return CAPTURE_PACKETS;
    }
    note_drops(capture);
    return CAPTURE_END;
}

static void live_close(struct capture *capture)
{
    struct live *live = capture->state;
    pcap_close(live->pcap);
    free(live);
}

static const struct capture_ops live_ops = { live_read, live_close, NULL };

static bool set_filter(pcap_t *pcap, const char *filter, struct err *err)
{
    struct bpf_program program;
    if (pcap_compile(pcap, &program, filter, 1, PCAP_NETMASK_UNKNOWN) != 0)
        return err_set(err, "filter '%s': %s", filter, pcap_geterr(pcap));
    bool ok = pcap_setfilter(pcap, &program) == 0;
    pcap_freecode(&program);
    return ok || err_set(err, "filter '%s': %s", filter, pcap_geterr(pcap));
}

/* What the user lacks. */
static const char *missing_permission(void)
{
#if defined(HAVE_SYS_PRCTL_H) && defined(PR_GET_NO_NEW_PRIVS)
    if (geteuid() != 0 && prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1)
        return " (CAP_NET_RAW is missing; no-new-privileges is set, so that a file capability does not give it: run as root, or with "
               "an ambient capability)";
#endif
    return geteuid() == 0 ? " (root lacks CAP_NET_RAW here; to a container: add NET_RAW)"
                          : " (CAP_NET_RAW is missing: run as root, with an ambient capability, or after setcap cap_net_raw+ep)";
}

static bool activate(pcap_t *pcap, const struct live_options *options, bool *nanoseconds,
                     struct err *err)
{
    pcap_set_snaplen(pcap, options->snaplen);
    pcap_set_promisc(pcap, options->promiscuous);
    pcap_set_timeout(pcap, LIVE_TIMEOUT_MS);
    if (options->buffer_kib > 0)
        pcap_set_buffer_size(pcap, options->buffer_kib * 1024);
    *nanoseconds = pcap_set_tstamp_precision(pcap, PCAP_TSTAMP_PRECISION_NANO) == 0;
    int rc = pcap_activate(pcap);
    if (rc < 0) {
        const char *detail = pcap_geterr(pcap);
        bool more = detail[0] != '\0' && strcmp(detail, pcap_statustostr(rc)) != 0;
        return err_set(err, "%s: %s%s%s%s", options->interface, pcap_statustostr(rc),
                       more ? ": " : "", more ? detail : "",
                       rc == PCAP_ERROR_PERM_DENIED ? missing_permission() : "");
    }
    return options->filter == NULL || set_filter(pcap, options->filter, err);
}

struct capture *live_open(const struct live_options *options, struct err *err)
{
    char errbuf[PCAP_ERRBUF_SIZE] = "";
    struct capture *capture = calloc(1, sizeof *capture);
    struct live *live = calloc(1, sizeof *live);
    pcap_t *pcap = pcap_create(options->interface, errbuf);
    if (capture == NULL || live == NULL || pcap == NULL) {
        err_set(err, "%s: %s", options->interface, pcap == NULL ? errbuf : "out of memory");
        goto fail;
    }
    if (!activate(pcap, options, &live->nanoseconds, err))
        goto fail;
    if (pcap_setnonblock(pcap, 1, errbuf) != 0) {
        err_set(err, "%s: %s", options->interface, errbuf);
        goto fail;
    }
    live->pcap = pcap;
    live->options = *options;
    live->link_type = (uint16_t)pcap_datalink(pcap);
    live->started_ns = monotonic_ns();
    capture->ops = &live_ops;
    capture->state = live;
    capture->info.file = options->interface;
    capture->info.format = "live";
    capture->info.dropped_packets = -1;
    capture_note_link_type(capture, live->link_type);
    return capture;
fail:
    if (pcap != NULL)
        pcap_close(pcap);
    free(live);
    free(capture);
    return NULL;
}

bool live_interfaces(void (*list)(void *context, const char *name, const char *description),
                     void *context, struct err *err)
{
    char errbuf[PCAP_ERRBUF_SIZE] = "";
    pcap_if_t *all;
    if (pcap_findalldevs(&all, errbuf) != 0)
        return err_set(err, "cannot list interfaces: %s", errbuf);
    for (const pcap_if_t *i = all; i != NULL; i = i->next)
        list(context, i->name, i->description != NULL ? i->description : "");
    pcap_freealldevs(all);
    return true;
}
