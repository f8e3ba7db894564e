#define _GNU_SOURCE
#include "warren_sys.h"

#include <link.h>
#include <malloc.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

size_t warren_heap_in_use(void) {
    struct mallinfo2 information = mallinfo2();
    return information.uordblks + information.hblkhd;
}

void warren_heap_trim(void) { malloc_trim(0); }

void warren_heap_arenas(int arenas) {
    mallopt(M_ARENA_MAX, arenas);
    mallopt(M_MMAP_THRESHOLD, 128 << 10);
    mallopt(M_TRIM_THRESHOLD, 2 << 20);
}

/* Whether the loader wrote into segments that are read only afterwards: what it wrote is in no file. */
static int has_text_relocations(const struct dl_phdr_info *object) {
    for (int index = 0; index < object->dlpi_phnum; index++) {
        if (object->dlpi_phdr[index].p_type != PT_DYNAMIC) continue;
        const ElfW(Dyn) *entry = (const ElfW(Dyn) *)(object->dlpi_addr + object->dlpi_phdr[index].p_vaddr);
        for (; entry->d_tag != DT_NULL; entry++) {
            if (entry->d_tag == DT_TEXTREL) return 1;
            if (entry->d_tag == DT_FLAGS && (entry->d_un.d_val & DF_TEXTREL) != 0) return 1;
        }
    }
    return 0;
}

static int release_object(struct dl_phdr_info *object, size_t size, void *released) {
    (void)size;
    if (has_text_relocations(object)) return 0;
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    for (int index = 0; index < object->dlpi_phnum; index++) {
        const ElfW(Phdr) *segment = &object->dlpi_phdr[index];
        /* Not what may be written, or might have been before it was made read only (PT_GNU_RELRO lies in such a segment). */
        if (segment->p_type != PT_LOAD || (segment->p_flags & PF_W) != 0) continue;
        /* Whole pages of it only: the page at either end may be shared with a neighbour. */
        uintptr_t begin = (object->dlpi_addr + segment->p_vaddr + page - 1) & ~(page - 1);
        uintptr_t end = (object->dlpi_addr + segment->p_vaddr + segment->p_filesz) & ~(page - 1);
        if (begin < end && madvise((void *)begin, end - begin, MADV_DONTNEED) == 0) *(size_t *)released += end - begin;
    }
    return 0;
}

size_t warren_code_release(void) {
    size_t released = 0;
    dl_iterate_phdr(release_object, &released);
    return released;
}
