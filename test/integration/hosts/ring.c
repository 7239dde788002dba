/* An io_uring by its system calls, and who writes to it, for test_reshare_ring.py. One ring a
 * process; indices are below RING_MOST. */
#include <errno.h>
#include <linux/io_uring.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { RING_MOST = 64, SIZE = 16 };

int ring_open(void);
int ring_pin(void *address, size_t size);
int ring_ask(int operation, int file, void *address, uint64_t index);
int ring_answer(uint64_t *ret_index);
void ring_feed(int requests, const int *files);
long ring_receive(int requests, const int *files, char **buffers, int count, long answers);

static struct {
    int file;
    struct io_uring_params at;
    char *memory;
    struct io_uring_sqe *asked;
} ring;

static _Atomic uint32_t *word(uint32_t offset) {
    return (_Atomic uint32_t *)(void *)(ring.memory + offset);
}

static void *map(size_t size, off_t offset) {
    return mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring.file, offset);
}

/* With the default flags: requests are finished when this thread returns from an interrupt. */
int ring_open(void) {
    ring.at = (struct io_uring_params){0};
    ring.file = (int)syscall(SYS_io_uring_setup, RING_MOST, &ring.at);
    if (ring.file < 0)
        return -errno;
    if (!(ring.at.features & IORING_FEAT_SINGLE_MMAP)) /* Linux 5.4 */
        return -ENOSYS;
    ring.memory = map(ring.at.cq_off.cqes + ring.at.cq_entries * sizeof(struct io_uring_cqe),
                      IORING_OFF_SQ_RING);
    ring.asked = map(ring.at.sq_entries * sizeof *ring.asked, IORING_OFF_SQES);
    return ring.memory == MAP_FAILED || (void *)ring.asked == MAP_FAILED ? -errno : ring.file;
}

int ring_pin(void *address, size_t size) {
    const struct iovec buffer = {address, size};
    const int operation = size ? IORING_REGISTER_BUFFERS : IORING_UNREGISTER_BUFFERS;
    const void *argument = size ? &buffer : NULL;
    return (int)syscall(SYS_io_uring_register, ring.file, operation, argument, size ? 1 : 0);
}

int ring_ask(int operation, int file, void *address, uint64_t index) {
    _Atomic uint32_t *tail = word(ring.at.sq_off.tail);
    const uint32_t slot = *tail & (ring.at.sq_entries - 1);
    ring.asked[slot] = (struct io_uring_sqe){
        .opcode = (uint8_t)operation,
        .fd = file,
        .addr = (uintptr_t)address,
        .len = SIZE,
        .user_data = index,
    };
    word(ring.at.sq_off.array)[slot] = slot;
    ++*tail;
    return (int)syscall(SYS_io_uring_enter, ring.file, 1, 0, 0, NULL, 0);
}

/* The result of a request, or -EAGAIN. */
int ring_answer(uint64_t *ret_index) {
    _Atomic uint32_t *head = word(ring.at.cq_off.head);
    if (*head == *word(ring.at.cq_off.tail))
        return -EAGAIN;
    const struct io_uring_cqe *all = (const void *)(ring.memory + ring.at.cq_off.cqes);
    const struct io_uring_cqe answer = all[*head & (ring.at.cq_entries - 1)];
    ++*head;
    *ret_index = answer.user_data;
    return answer.res;
}

struct request {
    unsigned char index, value;
};

/* Answers each request some time after it came, so that answers meet a pass anywhere. */
void ring_feed(int requests, const int *files) {
    struct request request;
    char data[SIZE];
    while (read(requests, &request, sizeof request) == sizeof request) {
        for (volatile int spin = rand() % 100000; spin > 0; spin--)
            ;
        memset(data, request.value, SIZE);
        if (write(files[request.index], data, SIZE) != SIZE)
            break;
    }
    _exit(0);
}

/* A buffer is zeros when it is asked for: what the parent had, so a pass may drop its page. */
static int request(int requests, int file, char *buffer, struct request what) {
    memset(buffer, 0, SIZE);
    return ring_ask(IORING_OP_RECV, file, buffer, what.index) == 1 &&
           write(requests, &what, sizeof what) == sizeof what;
}

static int is_filled(const char *buffer, unsigned char value) {
    for (int i = 0; i < SIZE; i++)
        if ((unsigned char)buffer[i] != value)
            return 0;
    return 1;
}

/* Waits for so many answers, each in a wait that may have a pass. How many were not what was sent;
 * -1: something else went wrong. */
long ring_receive(int requests, const int *files, char **buffers, int count, long answers) {
    struct request due[RING_MOST];
    uint64_t index;
    long wrong = 0;
    for (int i = 0; i < count; i++) {
        due[i] = (struct request){(unsigned char)i, 1};
        if (!request(requests, files[i], buffers[i], due[i]))
            return -1;
    }
    while (answers > 0) {
        struct pollfd ready = {ring.file, POLLIN, 0};
        if (poll(&ready, 1, 10000) != 1)
            return -1;
        for (int size; (size = ring_answer(&index)) != -EAGAIN; answers--) {
            if (size != SIZE)
                return -1;
            wrong += !is_filled(buffers[index], due[index].value);
            due[index].value = due[index].value % 255 + 1;
            if (!request(requests, files[index], buffers[index], due[index]))
                return -1;
        }
    }
    return wrong;
}
