/* pipeline/capture_resume.h - what a first load that was killed had finished, taken by the next.
 *
 * A range of a large table that is wholly written leaves a note in the ingestion store: a sealed
 * record of kind "part", whose only table is that range and whose key says which it is.  The next
 * attempt at the same batch divides the table as the notes do and takes a range when all of this
 * holds: source, program, shape and columns are the note's; the entries of its runs of the index
 * add up to the fingerprint that the server computes of that range under the new snapshot; every
 * object is named as that attempt names objects, and has the bytes and the SHA-256 of the note.
 * Anything else means that the range is read.  Nobody but the next attempt reads notes. */
#ifndef PIPELINE_CAPTURE_RESUME_H
#define PIPELINE_CAPTURE_RESUME_H

#include "pipeline/capture.h"

/* Reads the notes that earlier attempts left of this table.  Where there are some, the division
 * into ranges that they are of: *ret_ranges 0 otherwise. */
CHECKED enum err_code capture_resume_find(struct table_capture *capture, size_t *ret_ranges,
                                          uint64_t *ret_pages, struct err *err);
/* *ret_kept: the range is as a note says, its objects and runs are the capture's now. */
CHECKED enum err_code capture_resume_take(struct table_capture *capture, struct pg *pg,
                                          size_t range, bool *ret_kept, struct err *err);
/* Leaves the note of a range that is wholly written; none where it would not be worth it. */
CHECKED enum err_code capture_resume_note(struct table_capture *capture, size_t range,
                                          struct err *err);

#endif
