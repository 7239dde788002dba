/* What the library writes to while it is loaded stands together, beside other data that is written
 * then: each page more costs a fault in every program that inherits the library.
 */
#ifndef GF_BASE_LOAD_H
#define GF_BASE_LOAD_H

#define GF_AT_LOAD __attribute__((section(".data.load")))

#endif
