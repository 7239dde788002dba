/* Who writes to this process's memory without being one of its threads.
 *
 * An io_uring finishes its requests in the thread that made them, whenever that returns from the
 * kernel, after any interrupt too (io_uring/io_uring.c, io_req_task_work_add). And pinned pages are
 * written to by devices and by requests with registered buffers, wherever the process has them
 * mapped by then. No allocation, no cancellation point: any phase.
 */
#ifndef GF_PROCESS_WRITERS_H
#define GF_PROCESS_WRITERS_H

/* 1: an open descriptor of this process is an io_uring; 0: none is; -1 with errno: the kernel does
 * not tell. A ring that was made by a parent counts; one whose descriptor was closed (a registered
 * one) is not seen. 1 to 1.5 us a descriptor. */
int gf_writers_ring(void);

/* 1: pages of this process are pinned for as long as somebody wishes (registered buffers of an
 * io_uring since Linux 5.9, RDMA); 0: none; -1 with errno. Not seen is what is pinned for the time
 * of one request (O_DIRECT). 3 us. */
int gf_writers_pinned(void);

#endif
