#define _GNU_SOURCE
#include "sys_internal.h"
#include "warren_sys.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void warren_signal_set(sigset_t *set) {
    sigemptyset(set);
    sigaddset(set, SIGHUP);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGUSR1);
    sigaddset(set, SIGUSR2);
}

int warren_signals_block(void) {
    sigset_t set;
    warren_signal_set(&set);
    signal(SIGPIPE, SIG_IGN);
    return -pthread_sigmask(SIG_BLOCK, &set, NULL);
}

int warren_signals_unblock(void) {
    sigset_t set;
    warren_signal_set(&set);
    return -pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

int warren_signals_open(void) {
    sigset_t set;
    warren_signal_set(&set);
    return ONCE(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
}

int warren_signals_next(int descriptor) {
    struct signalfd_siginfo information;
    ssize_t count = RETRY(read(descriptor, &information, sizeof information));
    return count < 0 ? (int)count : (int)information.ssi_signo;
}

int warren_pidfd_open(int pid) { return ONCE((int)syscall(SYS_pidfd_open, pid, 0)); }

int warren_pidfd_reap(int descriptor) {
    siginfo_t information = {0};
    /* P_PIDFD is 3; older C libraries have no name for it. */
    int result = RETRY(waitid((idtype_t)3, (id_t)descriptor, &information, WEXITED | WNOHANG));
    if (result < 0) return result;
    if (information.si_pid == 0) return -EAGAIN;
    return information.si_code == CLD_EXITED ? information.si_status : 256 + information.si_status;
}

int warren_pidfd_signal(int descriptor, int signal) {
    return ONCE((int)syscall(SYS_pidfd_send_signal, descriptor, signal, NULL, 0));
}

int warren_spawn(const char *path, char *const argv[], char *const environment[], int input, int output, int error,
                 int traits, const char *directory) {
    /* The pipe closes on exec; if exec fails the child writes errno into it, so that the caller learns the reason. */
    int report[2];
    if (pipe2(report, O_CLOEXEC) < 0) return -errno;
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid < 0) {
        int code = errno;
        close(report[0]);
        close(report[1]);
        return -code;
    }
    if (pid == 0) {
        /* Between fork and exec only async-signal-safe calls: other threads may have held locks. */
        if (traits & WARREN_SPAWN_SESSION) setsid();
        if (traits & WARREN_SPAWN_BOUND) {
            prctl(PR_SET_PDEATHSIG, SIGTERM);
            /* A parent that ended before that call sends nothing any more. */
            if (getppid() != parent) _exit(127);
        }
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        signal(SIGPIPE, SIG_DFL);
        if (input < 0) input = open("/dev/null", O_RDONLY);
        if (input >= 0) dup2(input, 0);
        if (output >= 0) dup2(output, 1);
        if (error >= 0) dup2(error, 2);
        if (directory == NULL || chdir(directory) == 0) execve(path, argv, environment);
        int code = errno;
        ssize_t ignored = write(report[1], &code, sizeof code);
        (void)ignored;
        _exit(127);
    }
    close(report[1]);
    int code = 0;
    ssize_t count = RETRY(read(report[0], &code, sizeof code));
    close(report[0]);
    if (count == (ssize_t)sizeof code) {
        waitpid(pid, NULL, 0);
        return -code;
    }
    return pid;
}
