#include "support/ring.h"

#include "support/child.h"

#include <linux/io_uring.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

int gf_ring_open(void) {
    struct io_uring_params parameters = {0};
    int ring = (int)syscall(SYS_io_uring_setup, 1, &parameters);
    if (ring < 0)
        skip(); /* kernel.io_uring_disabled, a sandbox, Linux before 5.1 */
    return ring;
}

void gf_ring_pin(int ring, void *address, size_t size) {
    const struct iovec buffer = {address, size};
    assert_int_equal(syscall(SYS_io_uring_register, ring, IORING_REGISTER_BUFFERS, &buffer, 1), 0);
}

void gf_ring_unpin(int ring) {
    assert_int_equal(syscall(SYS_io_uring_register, ring, IORING_UNREGISTER_BUFFERS, NULL, 0), 0);
}
