/* pipeline/object_writer.h - JSON lines into objects of a limited size.
 *
 * An object_set collects what is written for one table; several object_writers, one a thread, write
 * to it.  A small object is held in memory until it is whole and stored as plain .json; one that
 * grows beyond compress_above_bytes is streamed as .json.zst.  The SHA-256 is of the bytes as
 * stored. */
#ifndef PIPELINE_OBJECT_WRITER_H
#define PIPELINE_OBJECT_WRITER_H

#include "pipeline/object_names.h"
#include "pipeline/record.h"
#include "store/store.h"

struct object_options {
    struct store *store;
    struct object_names names;
    bool deleted; /* key columns only */
    bool split;   /* the table is expected to need several objects: name the first as a part too */
    uint64_t part_bytes;           /* of JSON, before compression */
    uint64_t compress_above_bytes; /* UINT64_MAX: never.  Above 4 MiB it is exact only when it is
                                      not smaller than part_bytes (never) */
};

struct object_set;
struct object_set *object_set_new(const struct object_options *options);
void object_set_free(struct object_set *set);
DEFINE_CLEANUP(struct object_set *, object_set_free)
/* Forgets what was written: the objects stay, invisible, and new ones get other names. */
void object_set_restart(struct object_set *set);
/* What was written, in order of parts, copied into the arena.  After all writers are closed. */
void object_set_list(struct object_set *set, struct arena *arena,
                     struct record_object **ret_objects, size_t *ret_count);

/* The same of one group's writers, whatever the others are doing. */
void object_set_list_group(struct object_set *set, unsigned group, struct arena *arena,
                           struct record_object **ret_objects, size_t *ret_count);
/* Objects that an earlier attempt wrote; listed first. */
void object_set_add(struct object_set *set, const struct record_object *objects, size_t count);

struct object_writer;
struct object_writer *object_writer_new(struct object_set *set);
void object_writer_free(struct object_writer *writer); /* what was not finished is dropped */
DEFINE_CLEANUP(struct object_writer *, object_writer_free)
/* What it writes is of this group; 0: of none. */
void object_writer_set_group(struct object_writer *writer, unsigned group);
/* Room for a line of up to `size` bytes; valid until the next call. */
CHECKED enum err_code object_writer_reserve(struct object_writer *writer, size_t size,
                                            char **ret_room, struct err *err);
/* One line of `size` bytes stands there. */
void object_writer_advance(struct object_writer *writer, size_t size);
/* Stores the last object; nothing when no line was written.  The writer can be used again. */
CHECKED enum err_code object_writer_finish(struct object_writer *writer, struct err *err);

#endif
