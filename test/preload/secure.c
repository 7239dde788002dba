/* Linked to the library, because ld.so preloads nothing by its path into a privileged program. Says
 * whether it is one, and which reason the library gave for leaving its fork alone. */
#include <stdio.h>
#include <sys/auxv.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gcfreeze.h"

int main(void) {
    struct gcfreeze_status status = {.size = sizeof status};
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    if (pid < 0 || waitpid(pid, NULL, 0) != pid || gcfreeze_status(&status) != 0)
        return 1;
    printf("secure %d\n", getauxval(AT_SECURE) != 0);
    printf("disabled %d\n", (int)status.skipped[GCFREEZE_REASON_DISABLED]);
    printf("no-interpreter %d\n", (int)status.skipped[GCFREEZE_REASON_NO_INTERPRETER]);
    return 0;
}
