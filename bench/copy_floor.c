/* copy_floor: the yardstick of ingest.  Reads `COPY (SQL) TO STDOUT` on one connection by libpq and
 * throws every row away.  usage: copy_floor CONNINFO SQL; prints the rows read. */
#include <libpq-fe.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    char sql[4096];
    char *row;
    unsigned long long rows = 0;
    int size;

    if (argc != 3)
        return 2;
    PGconn *pg = PQconnectdb(argv[1]);
    (void)snprintf(sql, sizeof sql, "copy (%s) to stdout", argv[2]);
    PGresult *result = PQexec(pg, sql);
    if (PQresultStatus(result) != PGRES_COPY_OUT) {
        (void)fprintf(stderr, "copy_floor: %s", PQerrorMessage(pg));
        return 1;
    }
    PQclear(result);
    while ((size = PQgetCopyData(pg, &row, 0)) > 0) {
        rows++;
        PQfreemem(row);
    }
    if (size != -1) {
        (void)fprintf(stderr, "copy_floor: %s", PQerrorMessage(pg));
        return 1;
    }
    PQfinish(pg);
    (void)printf("%llu\n", rows);
    return 0;
}
