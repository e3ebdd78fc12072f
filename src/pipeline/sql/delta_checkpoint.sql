-- Actions of a Delta log, one JSON object a line, as a checkpoint of the protocol's columns and types.
copy (
    select txn, add, metaData, protocol
    from read_json(['actions.json'], format = 'newline_delimited', auto_detect = false, columns = {
        txn: 'STRUCT(appId VARCHAR, version BIGINT)',
        add: 'STRUCT(path VARCHAR, partitionValues MAP(VARCHAR, VARCHAR), size BIGINT, modificationTime BIGINT, dataChange BOOLEAN, stats VARCHAR, tags MAP(VARCHAR, VARCHAR))',
        metaData: 'STRUCT(id VARCHAR, format STRUCT(provider VARCHAR, options MAP(VARCHAR, VARCHAR)), schemaString VARCHAR, partitionColumns VARCHAR[], configuration MAP(VARCHAR, VARCHAR), createdTime BIGINT)',
        protocol: 'STRUCT(minReaderVersion INTEGER, minWriterVersion INTEGER, readerFeatures VARCHAR[], writerFeatures VARCHAR[])'
    })
) to 'to.parquet' (format parquet)
