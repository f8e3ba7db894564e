#include "sys_internal.h"
#include "warren_sys.h"

#include <errno.h>
#include <linux/filter.h>
#include <sys/socket.h>

int warren_drop_new_clients(int listener) {
    /* A TCP socket's filter sees packets from the TCP header on; byte 13 holds the flags. */
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 13),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 0x02, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, 0),
        BPF_STMT(BPF_RET | BPF_K, 0xffffffff),
    };
    struct sock_fprog program = {.len = sizeof code / sizeof *code, .filter = code};
    return ONCE(setsockopt(listener, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program));
}
