use rand::rngs::SmallRng;
use rand::{Rng, RngExt, SeedableRng};

use super::*;

fn open(bytes: &[u8]) -> Result<Table, TableError> {
    Table::open(Source::Bytes(Bytes::copy_from_slice(bytes)))
}

fn read(bytes: &[u8]) -> Result<Vec<Batch>, TableError> {
    open(bytes)?.batches()?.collect()
}

fn refusal(bytes: &[u8]) -> String {
    read(bytes).expect_err("it should be refused").to_string()
}

fn written(format: Format, table: &Table) -> Vec<u8> {
    let mut writer = TableWriter::new(format, Vec::new(), table.schema().clone()).unwrap();
    for batch in table.batches().unwrap() {
        writer.write(&batch.unwrap()).unwrap();
    }
    writer.finish().unwrap()
}

const LAPS: &str = "kart,driver,lap,clean,day,note\n\
    007,Ann,41.25,True,2026-05-01,\"wet, then dry\"\n\
    012,Bob,,False,2026-05-02,\n\
    ,Cy,40,,,\"said \"\"go\"\"\"\n";

#[test]
fn a_lap_table_gets_its_types_from_its_cells() {
    let table = open(LAPS.as_bytes()).unwrap();
    let kinds: Vec<_> = table.schema().columns().iter().map(|c| c.kind).collect();
    use ColumnType::*;
    assert_eq!(kinds, [Text, Text, Number, Boolean, Date, Text]);
    let batch = table.batches().unwrap().next().unwrap().unwrap();
    assert_eq!(batch.rows(), 3);
    assert_eq!(batch.column(0).cell(0), Cell::Text("007"));
    assert_eq!(batch.column(2).cell(2), Cell::Number(40.0));
    assert_eq!(batch.column(2).cell(1), Cell::Missing);
    assert_eq!(batch.column(5).cell(2), Cell::Text("said \"go\""));
}

#[test]
fn both_formats_bring_back_the_same_rows_and_the_same_bytes_every_time() {
    let table = open(LAPS.as_bytes()).unwrap();
    for format in [Format::Csv, Format::Parquet] {
        let bytes = written(format, &table);
        assert_eq!(bytes, written(format, &table), "{format:?}");
        let back = open(&bytes).unwrap();
        assert_eq!(back.format(), format);
        assert_eq!(back.schema(), table.schema());
        assert_eq!(read(&bytes).unwrap(), read(LAPS.as_bytes()).unwrap());
    }
}

#[test]
fn a_table_without_rows_keeps_its_columns() {
    let table = open(b"driver,lap\n").unwrap();
    let parquet = open(&written(Format::Parquet, &table)).unwrap();
    assert_eq!(parquet.schema(), table.schema());
    assert_eq!(read(&written(Format::Parquet, &table)).unwrap(), []);
}

#[test]
fn semicolons_tabs_and_a_byte_order_mark_are_understood() {
    for separator in [";", "\t"] {
        let text = format!("\u{feff}driver{separator}lap\r\nAnn{separator}41.5\r\n");
        let batches = read(text.as_bytes()).unwrap();
        assert_eq!(batches[0].schema().columns()[0].name, "driver");
        assert_eq!(batches[0].column(1).cell(0), Cell::Number(41.5));
    }
}

#[test]
fn a_file_on_disk_reads_like_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let table = open(LAPS.as_bytes()).unwrap();
    for format in [Format::Csv, Format::Parquet] {
        // The name says nothing; the bytes decide.
        let path = folder.path().join("laps.xlsx");
        std::fs::write(&path, written(format, &table)).unwrap();
        let found = Table::open(Source::File(path)).unwrap();
        assert_eq!(found.format(), format);
        let rows: Vec<_> = found.batches().unwrap().map(Result::unwrap).collect();
        assert_eq!(rows, read(LAPS.as_bytes()).unwrap());
    }
}

#[test]
fn malformed_files_are_refused_with_line_and_remedy() {
    let cases: [(&[u8], &str); 9] = [
        (b"", "the file is empty"),
        (b"a,b\n1,2\n3\n", "line 3 has 1 fields, the header has 2"),
        (b"a,b\n1,2\n\"x\ny\",4\n5,6,7\n", "line 5 has 3 fields"),
        (
            b"driver,note\nAnn,ok\nBob,\xff\xfe\n",
            "line 3, column \"note\"",
        ),
        (
            b"lap,driver,lap\n1,2,3\n",
            "columns 1 and 3 are both called \"lap\"",
        ),
        (b"lap,,x\n1,2,3\n", "column 2 has no name"),
        (b"PK\x03\x04rest", "Excel"),
        (b"\xff\xfed\0r\0", "UTF-16"),
        (b"PAR1 and then nothing of use", "Parquet file is damaged"),
    ];
    for (bytes, expected) in cases {
        let refusal = refusal(bytes);
        assert!(refusal.contains(expected), "{refusal:?} lacks {expected:?}");
    }
}

#[test]
fn a_late_cell_that_contradicts_the_sample_is_an_error_and_a_declaration_heals_it() {
    let mut csv = String::from("lap,time\n");
    for lap in 1..=10_500 {
        csv.push_str(&format!("{lap},{}\n", 40 + lap % 3));
    }
    csv.push_str("10501,DNF\n");
    let refusal = refusal(csv.as_bytes());
    assert!(
        refusal.contains("line 10502, column \"time\": \"DNF\" is not integer")
            && refusal.contains("declare the column as text"),
        "{refusal}"
    );
    let declared = BTreeMap::from([("time".to_owned(), ColumnType::Text)]);
    let source = Source::Bytes(csv.into());
    let table = Table::open_with_types(source.clone(), &declared).unwrap();
    let rows: usize = table.batches().unwrap().map(|b| b.unwrap().rows()).sum();
    assert_eq!(rows, 10_501);

    let unknown = BTreeMap::from([("tyme".to_owned(), ColumnType::Text)]);
    let refusal = Table::open_with_types(source, &unknown).unwrap_err();
    assert!(refusal.to_string().contains("no column \"tyme\""));
}

#[test]
fn an_unclosed_quotation_mark_does_not_swallow_the_file() {
    let mut csv = b"driver,note\nAnn,\"and then\n".to_vec();
    csv.resize(3 << 20, b'x');
    assert!(refusal(&csv).contains("line 2: the record is longer"));
}

#[test]
fn identifiers_keep_their_digits() {
    let csv = "licence,phone,id\n0048,+4930,12345678901234567890\n";
    let batches = read(csv.as_bytes()).unwrap();
    let cells: Vec<_> = batches[0].columns().iter().map(|c| c.cell(0)).collect();
    let expected = ["0048", "+4930", "12345678901234567890"].map(Cell::Text);
    assert_eq!(cells, expected);
}

#[test]
fn numbers_survive_their_text() {
    let mut rng = SmallRng::seed_from_u64(4);
    for _ in 0..2000 {
        let number = f64::from_bits(rng.next_u64());
        if number.is_finite() {
            let text = Cell::Number(number).to_string();
            let csv = format!("n\n{text}\n0.5\n");
            let batches = read(csv.as_bytes()).unwrap();
            assert_eq!(batches[0].column(0).cell(0), Cell::Number(number), "{text}");
        }
    }
}

#[test]
fn mutated_files_are_read_or_refused_but_never_panic() {
    let table = open(LAPS.as_bytes()).unwrap();
    let mut rng = SmallRng::seed_from_u64(20_260_531);
    let (mut read_well, mut refused) = (0, 0);
    for format in [Format::Csv, Format::Parquet] {
        let original = written(format, &table);
        for _ in 0..1500 {
            let mut bytes = original.clone();
            for _ in 0..rng.random_range(1..6) {
                let at = rng.random_range(0..bytes.len());
                match rng.random_range(0..4) {
                    0 => bytes[at] = rng.random(),
                    1 => bytes[at] ^= 1 << rng.random_range(0..8),
                    2 => drop(bytes.drain(at..(at + 3).min(bytes.len() - 1).max(at))),
                    _ => bytes.insert(at, b"\",\n;\0"[rng.random_range(0..5)]),
                }
            }
            match read(&bytes) {
                Ok(_) => read_well += 1,
                Err(_) => refused += 1,
            }
        }
    }
    assert!(
        read_well > 100 && refused > 100,
        "{read_well} read, {refused} refused"
    );
}

fn parquet_of(name: &str, array: arrow::array::ArrayRef) -> Vec<u8> {
    let batch = arrow::array::RecordBatch::try_from_iter([(name, array)]).unwrap();
    let mut writer =
        parquet::arrow::ArrowWriter::try_new(Vec::new(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.into_inner().unwrap()
}

#[test]
fn parquet_of_other_programs_is_read_strictly() {
    use arrow::array::*;
    let time = TimestampSecondArray::from(vec![1_767_225_600]);
    let refused = refusal(&parquet_of("start", Arc::new(time)));
    assert!(
        refused.contains("column \"start\" has the Parquet type Timestamp"),
        "{refused}"
    );

    let laps = Float32Array::from(vec![Some(41.5), Some(f32::NAN), None]);
    let batches = read(&parquet_of("lap", Arc::new(laps))).unwrap();
    let cells: Vec<_> = (0..3).map(|row| batches[0].column(0).cell(row)).collect();
    assert_eq!(cells, [Cell::Number(41.5), Cell::Missing, Cell::Missing]);
    let laps = Float64Array::from(vec![41.5, f64::INFINITY]);
    let refused = refusal(&parquet_of("lap", Arc::new(laps)));
    assert!(
        refused.contains("line 2, column \"lap\": \"inf\""),
        "{refused}"
    );

    let huge = UInt64Array::from(vec![7, u64::MAX]);
    assert!(refusal(&parquet_of("id", Arc::new(huge))).contains("column \"id\""));
    let classes: DictionaryArray<arrow::datatypes::Int8Type> =
        ["junior", "", "junior"].into_iter().collect();
    let batches = read(&parquet_of("class", Arc::new(classes))).unwrap();
    assert_eq!(batches[0].column(0).cell(2), Cell::Text("junior"));
    assert_eq!(batches[0].column(0).cell(1), Cell::Missing);
}

#[test]
fn whole_numbers_stay_numbers_when_the_schema_is_declared() {
    let source = Source::Bytes("lap\n41\n42\n".into());
    let declared = BTreeMap::from([("lap".to_owned(), ColumnType::Number)]);
    let table = Table::open_with_types(source, &declared).unwrap();
    let csv = Source::Bytes(written(Format::Csv, &table).into());
    let inferred = Table::open(csv.clone()).unwrap();
    assert_eq!(inferred.schema().columns()[0].kind, ColumnType::Integer);
    let back = Table::open_with_types(csv, &table.schema().types()).unwrap();
    assert_eq!(back.schema(), table.schema());
}
