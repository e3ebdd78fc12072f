"""The ingestion store, read as a stranger would: by the records and the JSON objects that they name, with Python's json."""
import ctypes
import ctypes.util
import functools
import hashlib
import json

from values import BOOL, FLOATS, INTEGERS, TIMESTAMPS, float_bits, identifier, padded, texts


class Number(str):
    """A JSON number, to the digit."""


@functools.cache
def library():
    """Python 3.11 has no zstd of its own; the library is there because the program needs it."""
    zstd = ctypes.CDLL(ctypes.util.find_library("zstd"))
    zstd.ZSTD_createDCtx.restype = ctypes.c_void_p
    zstd.ZSTD_decompressStream.restype = ctypes.c_size_t
    return zstd


def decompress(data):
    """A zstd frame."""
    zstd = library()

    class Buffer(ctypes.Structure):
        _fields_ = [("data", ctypes.c_void_p), ("size", ctypes.c_size_t), ("position", ctypes.c_size_t)]

    context = ctypes.c_void_p(zstd.ZSTD_createDCtx())
    source = ctypes.create_string_buffer(data, len(data))
    into = ctypes.create_string_buffer(1 << 20)
    feed = Buffer(ctypes.addressof(source), len(data), 0)
    pieces = []
    left = 1
    while feed.position < feed.size or left:
        out = Buffer(ctypes.addressof(into), len(into), 0)
        before = feed.position
        left = zstd.ZSTD_decompressStream(context, ctypes.byref(out), ctypes.byref(feed))
        assert not zstd.ZSTD_isError(ctypes.c_size_t(left)), "damaged zstd frame"
        assert out.position or feed.position > before or not left, "cut-off zstd frame"
        pieces.append(into.raw[:out.position])
    zstd.ZSTD_freeDCtx(context)
    return b"".join(pieces)


def raw_lines(folder, described):
    """The lines of an object, which must be what its record says."""
    data = (folder / described["key"]).read_bytes()
    assert len(data) == described["bytes"], described
    assert hashlib.sha256(data).hexdigest() == described["sha256"], described
    if described["key"].endswith(".zst"):
        data = decompress(data)
    found = data.decode("utf-8").split("\n")
    assert found.pop() == "" and len(found) == described["rows"], described
    return found


def lines(folder, described):
    """The rows of an object."""
    return list(map(DECODER.decode, raw_lines(folder, described)))


def constant(text):
    raise AssertionError(f"{text} is no JSON")


DECODER = json.JSONDecoder(parse_int=Number, parse_float=Number, parse_constant=constant)


class Table:
    """What is known of one table after some batch."""

    def __init__(self):
        self.rows = {}      # key: the last version, its values by the column's number, which outlives its name
        self.batches = {}   # key: the batch of its last version
        self.described = None


def filled(described):
    """A table of a record with what the record leaves out when it is empty or goes without saying."""
    described = {"objects": [], "deleted_objects": [], "deleted_from": [], "index": []} | described
    described["columns"] = [{"lake_name": column["name"]} | column for column in described["columns"]]
    return described


class Batch:
    """What one batch brought: by table, the keys with a new version, and those deleted."""

    def __init__(self, record):
        self.number = record["batch"]
        self.record = record
        self.changed = {}
        self.deleted = {}
        self.wrong = []  # (schema, what)


class Replay:
    """Follows the log of a lake; `advance` reads the records that came since."""

    def __init__(self, tote):
        self.tote = tote
        self.folder = tote.folder / "lake" / "ingestion"
        self.tables = {}
        self.gone = {}  # not in the source any more
        self.batches = []

    def advance(self):
        """The new batches, oldest first. Fails when what a record says is not what its objects hold."""
        new = [self.take(record) for record in self.tote.records() if record["batch"] > len(self.batches)]
        assert not [batch.wrong for batch in new if batch.wrong]
        return new

    def take(self, record):
        assert record["batch"] == len(self.batches) + 1, "a batch is missing in the log"
        batch = Batch(record)
        kept = {described["name"] for described in record["tables"] if described.get("gone")}
        record["tables"] = [described for described in record["tables"] if not described.get("gone")]
        here = {described["name"] for described in record["tables"]}
        for name in self.tables.keys() - here:
            self.gone[name] = self.tables.pop(name)  # should it come again, the rows that it lacks are deletions
        for name in here & self.gone.keys():
            self.tables[name] = self.gone.pop(name)
        assert kept == self.gone.keys(), "a table that went away is not kept"
        for described in map(filled, record["tables"]):
            try:
                self.take_table(batch, described)
            except (AssertionError, KeyError) as error:
                batch.wrong.append((described["schema"], f"{described['name']}: {error!r}"))
        self.batches.append(batch)
        return batch

    def take_table(self, batch, described):
        table = self.tables.setdefault(described["name"], Table())
        if table.described and table.described["key"] != described["key"]:
            table.rows, table.batches = {}, {}  # rows are known by other columns now: all come anew
        table.described = described
        changed = self.take_changed(table, described, batch.number)
        deleted = self.take_deleted(table, described)
        batch.changed |= {described["name"]: changed} if changed else {}
        batch.deleted |= {described["name"]: deleted} if deleted else {}
        assert not changed & deleted, "changed and deleted in one batch"
        assert len(table.rows) == described["rows"], f"{len(table.rows)} rows, the record says {described['rows']}"

    def take_changed(self, table, described, batch):
        seen = set()
        names = [column["lake_name"] for column in described["columns"]]
        numbers = [column["number"] for column in described["columns"]]
        for described_object in described["objects"]:
            for row in lines(self.folder, described_object):
                assert list(row) == names, f"{described['name']}: columns {list(row)}"
                key = tuple(row[name] for name in described["key"])
                assert key not in seen, f"{described['name']}: {key} twice in one batch"
                seen.add(key)
                table.rows[key] = dict(zip(numbers, row.values()))
                table.batches[key] = batch
        assert len(seen) == described["changed"]
        return seen

    def take_deleted(self, table, described):
        seen = set()
        origins = set()
        for described_object in described["deleted_objects"]:
            assert ".deleted." in described_object["key"]
            for row in lines(self.folder, described_object):
                assert list(row) == described["key"], f"{described['name']}: a deletion names its key only"
                key = tuple(row.values())
                del table.rows[key]
                origins.add(table.batches.pop(key))
                seen.add(key)
        assert len(seen) == described["deleted"]
        assert sorted(origins) == [int(number) for number in described["deleted_from"]], f"{described['name']}: where the last content is"
        return seen


def same(oid, value, text):
    """Whether a JSON value says just what PostgreSQL's text of it says."""
    if text is None or value is None:
        return value is None and text is None
    if oid in INTEGERS:
        return isinstance(value, Number) and str(value) == text
    if oid in FLOATS:
        finite = text not in ("NaN", "Infinity", "-Infinity")
        return isinstance(value, Number) == finite and float_bits(oid, value) == float_bits(oid, text)
    if oid == BOOL:
        return value is (text == "t")
    return isinstance(value, str) and not isinstance(value, Number) and value == (
        padded(text) if oid in TIMESTAMPS else text)


def relation(described, only=False):
    return f"{'only ' if only else ''}{identifier(described['schema'])}.{identifier(described['relation'])}"


def check_table(database, table, only=False):
    """Fails unless the lake holds just the rows of the table in the source, value for value."""
    described = table.described
    where = f"{described['schema']}.{described['relation']}"
    columns = [column for column in described["columns"] if column["lake_name"] != "_key"]
    names = ", ".join(identifier(column["name"]) for column in columns)
    _, oids, rows = texts(database, f"select {names} from {relation(described, only)}")
    assert len(rows) == len(table.rows), f"{where}: {len(rows)} rows in the source, {len(table.rows)} in the lake"
    if described["key"] == ["_key"]:
        expected, actual = by_content(oids, rows, [column["number"] for column in columns], table)
        assert expected == actual, f"{where}: other content"
        return
    lake_names = [column["lake_name"] for column in columns]
    positions = [lake_names.index(name) for name in described["key"]]
    for row in rows:
        key = tuple(row[i] for i in positions)
        held = table.rows.get(key) or table.rows.get(tuple(padded(part) for part in key))
        assert held is not None, f"{where}: {key} is missing in the lake"
        for column, oid, text in zip(columns, oids, row):
            value = held.get(column["number"])
            assert same(oid, value, text), f"{where}: {key}: {column['name']} is {value!r}, should be {text!r}"


def by_content(oids, rows, numbers, table):
    """Both sides as sorted rows, for tables without a key."""
    def plain(oid, cell):
        if cell is None or isinstance(cell, bool):
            return cell
        return cell == "t" if oid == BOOL else padded(cell) if oid in TIMESTAMPS else str(cell)

    source = [[plain(oid, cell) for oid, cell in zip(oids, row)] for row in rows]
    lake = [[plain(None, row.get(number)) for number in numbers] for row in table.rows.values()]
    return sorted(source, key=repr), sorted(lake, key=repr)


def fingerprint(tote):
    """Every object of the lake with its hash, to see that none is ever touched again."""
    lake = tote.folder / "lake"
    return {str(path.relative_to(lake)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in lake.glob("**/*") if path.is_file()}


def captured_at(record):
    """The time of a batch's snapshot as PostgreSQL writes it, with six digits, in UTC."""
    return record["captured_at"].replace("T", " ").removesuffix("Z")
