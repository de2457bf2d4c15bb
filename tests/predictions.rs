//! Predictions files as people send them: what is accepted, and what each wrong file is told.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Decimal128Array, Float32Array, Float64Array, Int16Array, Int64Array,
    LargeStringArray, ListArray, RecordBatch, StringArray, UInt64Array,
};
use arrow::datatypes::Int64Type;
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, Encoding};
use parquet::file::properties::WriterProperties;
use parquet::schema::types::ColumnPath;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};

use paddock::scoring::metrics::Metric;
use paddock::scoring::predictions::{
    ColumnKind, FileFormat, FileScore, FormatError, PredictionColumn, PredictionFormat,
    Predictions, ScoreError, read_csv, read_parquet, read_predictions, score, score_files,
};
use paddock::scoring::solution::{
    SampleNumbers, Solution, SolutionFormat, Split, SplitError, TargetKind,
};

fn column(name: &str, kind: ColumnKind) -> PredictionColumn {
    PredictionColumn {
        name: name.to_owned(),
        kind,
    }
}

fn classes(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// An id, a lap time, the probability of rain and the state of the track.
fn format() -> PredictionFormat {
    let columns = vec![
        column("lap_time", ColumnKind::Number),
        column("rain", ColumnKind::Probability),
        column("track", ColumnKind::Label(classes(&["dry", "wet"]))),
    ];
    PredictionFormat::new("id", columns).unwrap()
}

fn one_number() -> PredictionFormat {
    PredictionFormat::new("id", vec![column("prediction", ColumnKind::Number)]).unwrap()
}

fn solution(csv: &str) -> Solution {
    Solution::read_csv(csv.as_bytes(), &SolutionFormat::new("id", "y")).unwrap()
}

fn four_rows() -> Solution {
    solution("id,y\n1,0\n2,0\n3,1\n4,1\n")
}

fn read(csv: &str) -> Result<Predictions, String> {
    read_csv(csv.as_bytes(), &format(), &four_rows()).map_err(|error| error.to_string())
}

const HEADER: &str = "id,lap_time,rain,track\n";
const ROW_1: &str = "1,61.5,0.1,dry\n";
const ROW_2: &str = "2,62.0,0,dry\n";
const ROW_3: &str = "3,6.3e1,1,wet\n";
const ROW_4: &str = "4,-0.5,0.25,wet\n";

#[test]
fn a_valid_file_is_put_into_the_order_of_the_solution() {
    let expected = [
        vec![61.5, 62.0, 63.0, -0.5],
        vec![0.1, 0.0, 1.0, 0.25],
        vec![0.0, 0.0, 1.0, 1.0],
    ];
    let ways_to_write_it = [
        [HEADER, ROW_1, ROW_2, ROW_3, ROW_4].concat(),
        [HEADER, ROW_4, ROW_2, ROW_1, ROW_3].concat(),
        [HEADER, ROW_1, ROW_2, ROW_3, ROW_4]
            .concat()
            .replace('\n', "\r\n"),
        [HEADER, ROW_1, ROW_2, ROW_3, ROW_4]
            .concat()
            .trim_end()
            .to_owned(),
        ["\u{feff}", HEADER, ROW_1, ROW_2, ROW_3, ROW_4, "\n\r\n \n"].concat(),
        [
            HEADER,
            "1, 61.5 ,0.1,\"dry\"\n\"2\",\"62.0\",0,dry\n",
            ROW_4,
            ROW_3,
        ]
        .concat(),
        "track,rain,id,\"lap_time\"\ndry,.1,1,+61.5\ndry,0.,2,62\nwet,1,3,63\nwet,25e-2,4,-.5"
            .to_owned(),
    ];
    for csv in ways_to_write_it {
        let predictions = read(&csv).unwrap();
        assert_eq!(predictions.columns(), expected, "{csv}");
    }
}

#[test]
fn every_wrong_csv_file_is_told_what_is_wrong_and_what_to_do() {
    let header = "the header is wrong: ";
    let expected =
        "Expected the columns \"id\", \"lap_time\", \"rain\", \"track\", in any order; found ";
    // The file, the message, the line and the column.
    let cases: Vec<(String, String, Option<usize>, Option<&str>)> = vec![
        (
            "".into(),
            "the file is empty; write a header line and one row for each id".into(),
            None,
            None,
        ),
        (
            "\n \r\n".into(),
            "the file is empty; write a header line and one row for each id".into(),
            None,
            None,
        ),
        (
            "PAR1\u{0}\u{0}".into(),
            "the file is a Parquet file, not CSV; send it as Parquet (.parquet)".into(),
            None,
            None,
        ),
        (
            "PK\u{3}\u{4}xl/".into(),
            "the file is a spreadsheet or a ZIP archive, not CSV; save the table as CSV (UTF-8) and send that".into(),
            None,
            None,
        ),
        (
            "i\u{0}d\u{0}".into(),
            "the file is binary data, not CSV; write it as UTF-8 text".into(),
            None,
            None,
        ),
        (
            "id,\"rain\n".into(),
            "line 1, the header, is a quote (\") opened in cell 2 is not closed on the same line; close it, double a \
             quote that belongs to the text (\"\"), and keep line breaks out of cells"
                .into(),
            Some(1),
            None,
        ),
        (
            "id;lap_time;rain;track\n1;61,5;0,1;dry\n".into(),
            format!(
                "{header}missing \"id\", \"lap_time\", \"rain\", \"track\". {expected}\"id;lap_time;rain;track\". The cells \
                 seem to be separated by semicolons: separate them with commas and use a point for decimals"
            ),
            Some(1),
            Some("id"),
        ),
        (
            "id\tlap_time\n".into(),
            format!(
                "{header}missing \"id\", \"lap_time\", \"rain\", \"track\". {expected}\"id\\tlap_time\". The cells seem to \
                 be separated by tabs: separate them with commas"
            ),
            Some(1),
            Some("id"),
        ),
        (
            "id,lap_time,rain,track\r1,61.5,0.1,dry\r".into(),
            format!(
                "{header}missing \"track\". {expected}\"id\", \"lap_time\", \"rain\", \"track\\r1\", \"61.5\", \"0.1\", \"dry\". \
                 The lines seem to end with carriage returns alone: end them with line feeds (\\n)"
            ),
            Some(1),
            Some("track"),
        ),
        (
            ROW_1.into(),
            format!(
                "{header}missing \"id\", \"lap_time\", \"rain\", \"track\". {expected}\"1\", \"61.5\", \"0.1\", \"dry\". The \
                 first line seems to be a row: write the column names above it"
            ),
            Some(1),
            Some("id"),
        ),
        (
            ",id,lap_time,rain,track\n0,1,61.5,0.1,dry\n".into(),
            format!(
                "{header}\"\" not asked for; remove them. {expected}\"\", \"id\", \"lap_time\", \"rain\", \"track\". An \
                 unnamed column is most often the index of a data frame: write the file with index=False"
            ),
            Some(1),
            Some(""),
        ),
        (
            "id,lap_time,rain,track,rain\n".into(),
            format!(
                "{header}\"rain\" stands there twice; keep one of them. {expected}\"id\", \"lap_time\", \"rain\", \"track\", \
                 \"rain\""
            ),
            Some(1),
            Some("rain"),
        ),
        (
            [HEADER, ROW_1, ROW_4].concat(),
            "2 of 4 ids have no row, the first in order of ids: \"2\", \"3\"; predict every id of the sample submission".into(),
            None,
            Some("id"),
        ),
        (
            [HEADER, ROW_1, ROW_2, ROW_1].concat(),
            "line 4, column \"id\": the id \"1\" stands in line 2 as well; keep one row for each id".into(),
            Some(4),
            Some("id"),
        ),
        (
            [HEADER, ROW_1, ROW_2, ROW_3, ROW_4, "5,60,0,dry\n"].concat(),
            "line 6, column \"id\": the id \"5\" is not one to predict; use the ids of the sample submission exactly as \
             they are written there, one row each"
                .into(),
            Some(6),
            Some("id"),
        ),
        (
            [HEADER, ROW_1, "2.0,60,0,dry\n"].concat(),
            "line 3, column \"id\": the id \"2.0\" is not one to predict; it is written \"2\": read and write ids as text \
             or as integers"
                .into(),
            Some(3),
            Some("id"),
        ),
        (
            [HEADER, ROW_1, ",60,0,dry\n"].concat(),
            "line 3, column \"id\": the value is missing; predict every row, also where you are not sure".into(),
            Some(3),
            Some("id"),
        ),
        (
            [HEADER, ROW_1, "2,NaN,0,dry\n"].concat(),
            "line 3, column \"lap_time\": the value is NaN (not a number); replace it, for example by the mean of the \
             training targets"
                .into(),
            Some(3),
            Some("lap_time"),
        ),
        (
            [HEADER, ROW_1, "2,-inf,0,dry\n"].concat(),
            "line 3, column \"lap_time\": -inf is infinite or too large; write a finite number".into(),
            Some(3),
            Some("lap_time"),
        ),
        (
            [HEADER, ROW_1, "2,1e400,0,dry\n"].concat(),
            "line 3, column \"lap_time\": 1e400 is infinite or too large; write a finite number".into(),
            Some(3),
            Some("lap_time"),
        ),
        (
            [HEADER, "1,1:01.5,0,dry\n"].concat(),
            "line 2, column \"lap_time\": \"1:01.5\" is not a number; write digits with a decimal point, such as 0.25 or \
             1e-3"
                .into(),
            Some(2),
            Some("lap_time"),
        ),
        (
            [HEADER, "1,,0,dry\n"].concat(),
            "line 2, column \"lap_time\": the value is missing; predict every row, also where you are not sure".into(),
            Some(2),
            Some("lap_time"),
        ),
        (
            [HEADER, "1,NA,0,dry\n"].concat(),
            "line 2, column \"lap_time\": the value is missing; predict every row, also where you are not sure".into(),
            Some(2),
            Some("lap_time"),
        ),
        (
            [HEADER, ROW_1, "2,60,1.01,dry\n"].concat(),
            "line 3, column \"rain\": 1.01 is not a probability; write a number from 0 to 1".into(),
            Some(3),
            Some("rain"),
        ),
        (
            [HEADER, ROW_1, "2,60,1,Dry\n"].concat(),
            "line 3, column \"track\": \"Dry\" is none of the classes (dry, wet); write one of them exactly so".into(),
            Some(3),
            Some("track"),
        ),
        (
            [HEADER, ROW_1, "2,60,1\n"].concat(),
            "line 3: the row has 3 cells, the header has 4; give every column a value; if this is the last line, the file \
             may be cut off"
                .into(),
            Some(3),
            None,
        ),
        (
            [HEADER, "1,61,5,0.1,dry\n"].concat(),
            "line 2: the row has 5 cells, the header has 4; use a point for decimals, and quote a text that holds a comma"
                .into(),
            Some(2),
            None,
        ),
        (
            [HEADER, ROW_1, "2,60,1,\"dry\n", ROW_3].concat(),
            "line 3: the line is no row of CSV: a quote (\") opened in cell 4 is not closed on the same line; close it, \
             double a quote that belongs to the text (\"\"), and keep line breaks out of cells"
                .into(),
            Some(3),
            None,
        ),
        (
            [HEADER, ROW_1, "2,60,1,\"d\"ry\n"].concat(),
            "line 3: the line is no row of CSV: cell 4 goes on after its closing quote; separate cells with commas and \
             double a quote that belongs to the text (\"\")"
                .into(),
            Some(3),
            None,
        ),
        (
            [HEADER, ROW_1, "\n", ROW_2].concat(),
            "line 3: the line is no row of CSV: blank; remove blank lines between rows".into(),
            Some(3),
            None,
        ),
        (
            [HEADER, ROW_1, "2,60,1,", &"x".repeat(3 << 20)].concat(),
            "line 3: the line is longer than 1048576 bytes; end each row with a line feed (\\n) and write one row per line"
                .into(),
            Some(3),
            None,
        ),
    ];
    for (csv, message, line, column) in cases {
        let shown = &csv[..csv.len().min(200)];
        let error = read_csv(csv.as_bytes(), &format(), &four_rows()).expect_err(shown);
        assert_eq!(error.to_string(), message, "{shown}");
        assert_eq!(error.line(), line, "{shown}");
        assert_eq!(error.column(), column, "{shown}");
    }
}

#[test]
fn text_in_another_encoding_is_named_with_its_line() {
    let latin_1 = [HEADER.as_bytes(), ROW_1.as_bytes(), b"2,60,1,gl\xe4tte\n"].concat();
    let error = read_csv(&*latin_1, &format(), &four_rows()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "line 3: the line is no row of CSV: not valid UTF-8 text; save the file with UTF-8 encoding"
    );
    let error = read_csv(&b"\xff\xfei\0d\0,\0"[..], &format(), &four_rows()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the file is text in UTF-16, not CSV; save it with UTF-8 encoding"
    );
}

#[test]
fn the_first_problem_in_the_file_is_the_one_reported() {
    let csv = [HEADER, ROW_1, "2,x,1,dry\n", ROW_1, "9,1,1,dry\n"].concat();
    assert!(
        read(&csv)
            .unwrap_err()
            .starts_with("line 3, column \"lap_time\"")
    );
    let csv = [HEADER, ROW_1, ROW_1, "2,x,1,dry\n"].concat();
    assert!(
        read(&csv)
            .unwrap_err()
            .starts_with("line 3, column \"id\": the id \"1\" stands in line 2")
    );
}

#[test]
fn ids_that_lost_or_gained_zeros_are_recognized() {
    let padded = solution("id,y\n001,0\n002,1\n");
    let error = read_csv(&b"id,prediction\n1,0\n2,0\n"[..], &one_number(), &padded).unwrap_err();
    assert_eq!(
        error.to_string(),
        "line 2, column \"id\": the id \"1\" is not one to predict; it is written \"001\": read and write ids as text or as \
         integers"
    );
}

#[test]
fn text_ids_match_whatever_order_and_quotes() {
    let truth = solution("id,y\nlap-9,1\n\"a, b\",2\nlap-10,3\nÖ,4\n");
    let csv = "prediction,id\n4,Ö\n3,\"lap-10\"\n2,\"a, b\"\n1,lap-9\n";
    let predictions = read_csv(csv.as_bytes(), &one_number(), &truth).unwrap();
    assert_eq!(predictions.columns(), [[1.0, 2.0, 3.0, 4.0]]);
}

/// The rows of a large valid CSV file over integer or text ids, with its solution.
fn large(rows: usize, text_ids: bool, random: &mut StdRng) -> (Solution, Vec<String>) {
    let id = |row: usize| {
        if text_ids {
            format!("lap-{row}")
        } else {
            (7 + 2 * row).to_string()
        }
    };
    let mut truth = "id,y\n".to_owned();
    let mut lines = Vec::new();
    for row in 0..rows {
        truth.push_str(&format!("{},{row}\n", id(row)));
        let value: f64 = random.random_range(-1e3..1e3);
        lines.push(match row % 3 {
            0 => format!("{},{value}", id(row)),
            1 => format!("\"{}\", {value:e}\r", id(row)),
            _ => format!("{},{value:.3}", id(row)),
        });
    }
    (solution(&truth), lines)
}

#[test]
fn any_order_of_the_rows_gives_the_same_predictions() {
    let mut random = StdRng::seed_from_u64(1);
    for text_ids in [false, true] {
        // More than one chunk, so that threads take turns.
        let (truth, mut lines) = large(60_000, text_ids, &mut random);
        let file = |lines: &[String]| format!("id,prediction\n{}\n", lines.join("\n"));
        let in_order = read_csv(file(&lines).as_bytes(), &one_number(), &truth).unwrap();
        for _ in 0..3 {
            lines.shuffle(&mut random);
            assert_eq!(
                read_csv(file(&lines).as_bytes(), &one_number(), &truth).unwrap(),
                in_order
            );
        }
        // A repeated row far away is found with both of its lines.
        let again = lines[10].clone();
        lines.push(again);
        let error = read_csv(file(&lines).as_bytes(), &one_number(), &truth).unwrap_err();
        assert_eq!(error.line(), Some(60_002));
        assert!(
            error.to_string().contains("stands in line 12 as well"),
            "{error}"
        );
    }
}

fn parquet_with(columns: &[(&str, ArrayRef)], properties: WriterProperties) -> Bytes {
    let batch = RecordBatch::try_from_iter_with_nullable(
        columns
            .iter()
            .map(|(name, array)| (*name, array.clone(), true)),
    )
    .unwrap();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    bytes.into()
}

fn parquet_of(columns: &[(&str, ArrayRef)]) -> Bytes {
    parquet_with(columns, WriterProperties::default())
}

fn array(array: impl arrow::array::Array + 'static) -> ArrayRef {
    Arc::new(array)
}

#[test]
fn parquet_and_csv_of_the_same_values_agree() {
    let csv = read(&[HEADER, ROW_3, ROW_1, ROW_4, ROW_2].concat()).unwrap();
    let lap_time = array(Float64Array::from(vec![63.0, 61.5, -0.5, 62.0]));
    let decimal = Decimal128Array::from(vec![6300, 6150, -50, 6200])
        .with_precision_and_scale(10, 2)
        .unwrap();
    let rain = array(Float64Array::from(vec![1.0, 0.1, 0.25, 0.0]));
    let track = array(StringArray::from(vec!["wet", "dry", "wet", "dry"]));
    let files = [
        [
            ("id", array(Int64Array::from(vec![3, 1, 4, 2]))),
            ("lap_time", lap_time.clone()),
            ("rain", rain.clone()),
            ("track", track.clone()),
        ],
        [
            (
                "track",
                array(LargeStringArray::from(vec!["wet", "dry", "wet", "dry"])),
            ),
            ("rain", rain.clone()),
            ("id", array(StringArray::from(vec!["3", "1", "4", "2"]))),
            (
                "lap_time",
                array(Float32Array::from(vec![63.0, 61.5, -0.5, 62.0])),
            ),
        ],
        [
            ("id", array(UInt64Array::from(vec![3, 1, 4, 2]))),
            ("lap_time", array(decimal)),
            ("rain", rain.clone()),
            ("track", track.clone()),
        ],
        [
            ("id", array(Int16Array::from(vec![3, 1, 4, 2]))),
            ("lap_time", lap_time),
            ("rain", rain),
            ("track", track),
        ],
    ];
    for columns in &files {
        for compression in [
            Compression::UNCOMPRESSED,
            Compression::SNAPPY,
            Compression::ZSTD(Default::default()),
            Compression::LZ4_RAW,
        ] {
            let properties = WriterProperties::builder()
                .set_compression(compression)
                .build();
            let predictions =
                read_parquet(parquet_with(columns, properties), &format(), &four_rows()).unwrap();
            assert_eq!(predictions, csv);
        }
    }
}

#[test]
fn many_rows_of_parquet_and_csv_agree() {
    let mut random = StdRng::seed_from_u64(2);
    let rows = 30_000;
    let (truth, _) = large(rows, true, &mut random);
    let mut order: Vec<usize> = (0..rows).collect();
    order.shuffle(&mut random);
    let values: Vec<f64> = order
        .iter()
        .map(|_| random.random_range(-1e9..1e9))
        .collect();
    let ids: Vec<String> = order.iter().map(|row| format!("lap-{row}")).collect();
    let lines: Vec<String> = ids
        .iter()
        .zip(&values)
        .map(|(id, value)| format!("{id},{value}"))
        .collect();
    let csv = format!("id,prediction\n{}", lines.join("\n"));
    let parquet = parquet_of(&[
        ("id", array(StringArray::from(ids))),
        ("prediction", array(Float64Array::from(values))),
    ]);
    assert_eq!(
        read_parquet(parquet, &one_number(), &truth).unwrap(),
        read_csv(csv.as_bytes(), &one_number(), &truth).unwrap()
    );
}

#[test]
fn every_wrong_parquet_file_is_told_what_is_wrong_and_what_to_do() {
    let ids = || array(Int64Array::from(vec![1, 2, 3, 4]));
    let values = || array(Float64Array::from(vec![1.0, 2.0, 3.0, 4.0]));
    let with = |prediction: ArrayRef| parquet_of(&[("id", ids()), ("prediction", prediction)]);
    let with_ids = |ids: ArrayRef| parquet_of(&[("id", ids), ("prediction", values())]);
    let compressed = WriterProperties::builder()
        .set_compression(Compression::LZ4)
        .build();
    let delta = WriterProperties::builder()
        .set_dictionary_enabled(false)
        .set_column_encoding(ColumnPath::from("id"), Encoding::DELTA_BYTE_ARRAY)
        .build();
    let whole = with(values());
    let list = ListArray::from_iter_primitive::<Int64Type, _, _>(
        (0..4).map(|value| Some(vec![Some(value)])),
    );
    let cases: Vec<(Bytes, &str, Option<usize>, Option<&str>)> = vec![
        (
            Bytes::new(),
            "the file is empty; write a header line and one row for each id",
            None,
            None,
        ),
        (
            Bytes::from_static(b"id,prediction\n1,2\n"),
            "the file is not Parquet; write it with to_parquet, or send it as CSV",
            None,
            None,
        ),
        (
            whole.slice(..whole.len() - 9),
            "the Parquet file is cut off or damaged (Parquet error: Invalid Parquet file. Corrupt footer); write and send it again",
            None,
            None,
        ),
        (
            parquet_of(&[("id", ids())]),
            "the header is wrong: missing \"prediction\". Expected the columns \"id\", \"prediction\", in any order; found \
             \"id\"",
            Some(1),
            Some("prediction"),
        ),
        (
            parquet_of(&[
                ("id", ids()),
                ("prediction", values()),
                ("__index_level_0__", ids()),
            ]),
            "the header is wrong: \"__index_level_0__\" not asked for; remove them. Expected the columns \"id\", \
             \"prediction\", in any order; found \"id\", \"prediction\", \"__index_level_0__\". It is the index of a data frame: \
             write the file with index=False",
            Some(1),
            Some("__index_level_0__"),
        ),
        (
            with(array(StringArray::from(vec!["1", "2", "3", "4"]))),
            "the column \"prediction\" has the type Utf8; write numbers (double, float, integers or decimals)",
            None,
            Some("prediction"),
        ),
        (
            with(array(BooleanArray::from(vec![true; 4]))),
            "the column \"prediction\" has the type Boolean; write numbers (double, float, integers or decimals)",
            None,
            Some("prediction"),
        ),
        (
            with_ids(values()),
            "the column \"id\" has the type Float64; write integers or text (string)",
            None,
            Some("id"),
        ),
        (
            with(array(Float64Array::from(vec![
                Some(1.0),
                None,
                Some(2.0),
                Some(3.0),
            ]))),
            "row 2, column \"prediction\": the value is missing; predict every row, also where you are not sure",
            Some(2),
            Some("prediction"),
        ),
        (
            with(array(Float64Array::from(vec![1.0, 2.0, f64::NAN, 3.0]))),
            "row 3, column \"prediction\": the value is NaN (not a number); replace it, for example by the mean of the \
             training targets",
            Some(3),
            Some("prediction"),
        ),
        (
            with(array(Float32Array::from(vec![
                1.0,
                2.0,
                3.0,
                f32::INFINITY,
            ]))),
            "row 4, column \"prediction\": inf is infinite or too large; write a finite number",
            Some(4),
            Some("prediction"),
        ),
        (
            with_ids(array(Int64Array::from(vec![1, 2, 2, 4]))),
            "row 3, column \"id\": the id \"2\" stands in row 2 as well; keep one row for each id",
            Some(3),
            Some("id"),
        ),
        (
            with_ids(array(Int64Array::from(vec![1, 2, -3, 4]))),
            "row 3, column \"id\": the id \"-3\" is not one to predict; use the ids of the sample submission exactly as \
             they are written there, one row each",
            Some(3),
            Some("id"),
        ),
        (
            parquet_of(&[
                ("id", array(Int64Array::from_iter_values(1..=5))),
                ("prediction", array(Int64Array::from_iter_values(1..=5))),
            ]),
            "the file has 5 rows where 4 ids are to be predicted; keep one row for each id",
            None,
            None,
        ),
        (
            parquet_of(&[
                ("id", array(Int64Array::from_iter_values(2..=4))),
                ("prediction", array(Int64Array::from_iter_values(2..=4))),
            ]),
            "1 of 4 ids have no row, the first in order of ids: \"1\"; predict every id of the sample submission",
            None,
            Some("id"),
        ),
        (
            parquet_with(&[("id", ids()), ("prediction", values())], compressed),
            "the Parquet file is compressed with LZ4; write it with snappy, zstd or lz4_raw, or without compression",
            None,
            None,
        ),
        (
            parquet_with(
                &[
                    ("id", array(StringArray::from(vec!["1", "2", "3", "4"]))),
                    ("prediction", values()),
                ],
                delta,
            ),
            "the Parquet file uses the encoding DELTA_BYTE_ARRAY; write text with plain or dictionary encoding",
            None,
            None,
        ),
    ];
    for (bytes, message, line, column) in cases {
        let error = read_parquet(bytes, &one_number(), &four_rows()).expect_err(message);
        assert_eq!(error.to_string(), message);
        assert_eq!(error.line(), line, "{message}");
        assert_eq!(error.column(), column, "{message}");
    }

    let nested = parquet_of(&[("id", ids()), ("prediction", array(list))]);
    let error = read_parquet(nested, &one_number(), &four_rows()).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("the column \"prediction\" has the type List"),
        "{error}"
    );
}

#[test]
fn a_page_that_decompresses_to_too_much_is_refused() {
    // 100 MB of one letter: a few kilobytes when compressed.
    let bomb = "a".repeat(100 << 20);
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(Default::default()))
        .set_dictionary_enabled(false)
        .set_statistics_enabled(parquet::file::properties::EnabledStatistics::None)
        .build();
    let columns = [
        ("id", array(StringArray::from(vec![bomb]))),
        ("prediction", array(Float64Array::from(vec![1.0]))),
    ];
    let file = parquet_with(&columns, properties);
    assert!(file.len() < 100_000);
    let error = read_parquet(file, &one_number(), &four_rows()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "a page of the Parquet file holds more than 67108864 bytes; write smaller pages or row groups"
    );
}

/// Changes a few bytes, or cuts, repeats or inserts a piece.
fn mutate(bytes: &mut Vec<u8>, random: &mut StdRng) {
    for _ in 0..random.random_range(1..4) {
        if bytes.is_empty() {
            return;
        }
        let at = random.random_range(0..bytes.len());
        match random.random_range(0..6) {
            0 => bytes[at] = random.random(),
            1 => bytes[at] ^= 1 << random.random_range(0..8),
            2 => bytes.truncate(at),
            3 => {
                let end = (at + random.random_range(1..9)).min(bytes.len());
                bytes.drain(at..end);
            }
            4 => {
                let piece = bytes[at..(at + random.random_range(1..20)).min(bytes.len())].to_vec();
                bytes.splice(at..at, piece);
            }
            _ => {
                let pieces: [&[u8]; 8] = [
                    b"\"",
                    b"\n",
                    b",",
                    b"\r",
                    b"nan",
                    b"\xff",
                    b"\xff\xff\xff\xff\x7f",
                    b" ",
                ];
                bytes.splice(
                    at..at,
                    pieces[random.random_range(0..pieces.len())].iter().copied(),
                );
            }
        }
    }
}

#[test]
fn no_mutated_file_makes_the_reader_panic() {
    let mut random = StdRng::seed_from_u64(3);
    let truth = four_rows();
    let csv = [HEADER, ROW_1, ROW_2, "\"3\", 63,1,\"wet\"\r\n", ROW_4].concat();
    let (mut valid, mut invalid) = (0, 0);
    for _ in 0..20_000 {
        let mut bytes = csv.clone().into_bytes();
        mutate(&mut bytes, &mut random);
        match read_csv(&*bytes, &format(), &truth) {
            Ok(predictions) => {
                valid += 1;
                assert!(
                    predictions
                        .columns()
                        .iter()
                        .flatten()
                        .all(|value| value.is_finite())
                );
            }
            Err(error) => {
                invalid += 1;
                assert!(!error.to_string().is_empty());
            }
        }
    }
    // The mutations reach both ends.
    assert!(
        valid > 100 && invalid > 10_000,
        "{valid} valid, {invalid} invalid"
    );
}

#[test]
fn no_mutated_parquet_file_makes_the_reader_panic() {
    let mut random = StdRng::seed_from_u64(4);
    let truth = four_rows();
    let columns = [
        ("id", array(StringArray::from(vec!["1", "2", "3", "4"]))),
        (
            "lap_time",
            array(Float64Array::from(vec![
                Some(1.0),
                Some(2.0),
                Some(3.0),
                None,
            ])),
        ),
        ("rain", array(Float32Array::from(vec![0.0, 0.5, 0.5, 1.0]))),
        (
            "track",
            array(StringArray::from(vec!["dry", "wet", "dry", "wet"])),
        ),
    ];
    let compressed = |compression| {
        WriterProperties::builder()
            .set_compression(compression)
            .build()
    };
    let files = [
        parquet_with(&columns, compressed(Compression::UNCOMPRESSED)),
        parquet_with(&columns, compressed(Compression::SNAPPY)),
        parquet_with(&columns, compressed(Compression::ZSTD(Default::default()))),
    ];
    for file in &files {
        for length in 0..file.len() {
            assert!(
                read_parquet(file.slice(..length), &format(), &truth).is_err(),
                "{length} bytes"
            );
        }
    }
    for round in 0..20_000 {
        let mut bytes = files[round % files.len()].to_vec();
        mutate(&mut bytes, &mut random);
        if let Ok(predictions) = read_parquet(Bytes::from(bytes), &format(), &truth) {
            assert!(
                predictions
                    .columns()
                    .iter()
                    .flatten()
                    .all(|value| value.is_finite())
            );
        }
    }
}

#[test]
fn a_sample_submission_is_valid_and_sorted_by_id() {
    let truth = solution("id,y\n10,5\n9,4\n100,3\n");
    let mut written = Vec::new();
    truth
        .write_sample_submission(&format(), SampleNumbers::Zero, &mut written)
        .unwrap();
    assert_eq!(
        String::from_utf8(written.clone()).unwrap(),
        "id,lap_time,rain,track\n9,0,0.5,dry\n10,0,0.5,dry\n100,0,0.5,dry\n"
    );
    let predictions = read_csv(&*written, &format(), &truth).unwrap();
    assert_eq!(predictions.columns()[1], [0.5; 3]);
    let mut told_apart = Vec::new();
    truth
        .write_sample_submission(&format(), SampleNumbers::Place, &mut told_apart)
        .unwrap();
    assert_eq!(
        String::from_utf8(told_apart).unwrap(),
        "id,lap_time,rain,track\n9,1,0.5,dry\n10,2,0.5,dry\n100,3,0.5,dry\n"
    );

    let classes = ["a", "b", "c", "d"].map(|name| column(name, ColumnKind::Probability));
    let probabilities = PredictionFormat::new("id", classes.to_vec()).unwrap();
    let mut written = Vec::new();
    solution("id,y\n\"x,\"\"1\"\"\",0\n")
        .write_sample_submission(&probabilities, SampleNumbers::Zero, &mut written)
        .unwrap();
    assert_eq!(
        String::from_utf8(written).unwrap(),
        "id,a,b,c,d\n\"x,\"\"1\"\"\",0.25,0.25,0.25,0.25\n"
    );
}

#[test]
fn a_format_that_no_file_could_meet_is_refused() {
    let number = |name: &str| column(name, ColumnKind::Number);
    let label = |names: &[&str]| vec![column("track", ColumnKind::Label(classes(names)))];
    let refused = |id: &str, columns| PredictionFormat::new(id, columns).unwrap_err();
    assert_eq!(refused("id", vec![]), FormatError::NoColumns);
    assert_eq!(
        refused("id", vec![number("id")]),
        FormatError::RepeatedName("id".into())
    );
    assert_eq!(refused("", vec![number("a")]), FormatError::Name("".into()));
    assert_eq!(
        refused("id", vec![number("a ")]),
        FormatError::Name("a ".into())
    );
    assert_eq!(
        refused("id", label(&["dry"])),
        FormatError::FewClasses("track".into())
    );
    assert!(matches!(
        refused("id", label(&["dry", "dry"])),
        FormatError::RepeatedClass { .. }
    ));
    assert!(matches!(
        refused("id", label(&["dry", "wet\n"])),
        FormatError::Class { .. }
    ));

    let json = r#"{"id_column":"id","columns":[{"name":"p","kind":"probability"},{"name":"t","kind":{"label":["x","y"]}}]}"#;
    let format: PredictionFormat = serde_json::from_str(json).unwrap();
    assert_eq!(serde_json::to_string(&format).unwrap(), json);
    let nothing = serde_json::from_str::<PredictionFormat>(r#"{"id_column":"id","columns":[]}"#);
    assert!(
        nothing
            .unwrap_err()
            .to_string()
            .contains("at least one column")
    );
}

/// A solution with every kind of column.
fn survival() -> SolutionFormat {
    SolutionFormat {
        split_column: Some("Usage".into()),
        group_column: Some("race".into()),
        event_column: Some("finished".into()),
        ..SolutionFormat::new("id", "y")
    }
}

#[test]
fn a_solution_gives_each_split_its_own_rows() {
    let csv = "note,id,y,Usage,race,finished\n\"x\",a,1,Public,Adria,1\n,b,2.5,private,Lonato,False\n,c,-3,PUBLIC,Lonato,TRUE\n";
    let truth = Solution::read_csv(csv.as_bytes(), &survival()).unwrap();
    assert_eq!(truth.ids().collect::<Vec<_>>(), ["a", "b", "c"]);
    let public = truth.truth(Some(Split::Public));
    assert_eq!(*public.target, [1.0, -3.0]);
    assert_eq!(*public.group.unwrap(), [0, 1]);
    assert_eq!(*public.event.unwrap(), [true, true]);
    let private = truth.truth(Some(Split::Private));
    assert_eq!(*private.target, [2.5]);
    assert_eq!(*private.group.unwrap(), [1]);
    assert_eq!(*truth.truth(None).target, [1.0, 2.5, -3.0]);
}

#[test]
fn every_wrong_solution_is_told_what_is_wrong_and_what_to_do() {
    let header = "id,y,Usage,race,finished\n";
    let cases = [
        (
            "",
            "the solution file is empty; write a header line and one row for each id",
            None,
            None,
        ),
        (
            header,
            "the solution has a header but no rows; write one row for each id",
            None,
            None,
        ),
        (
            "id,target,Usage,race,finished\n1,2,public,a,1\n",
            "line 1: the column \"y\" stands 0 times in the header (id, target, Usage, race, finished); it must stand there \
             once: rename the column or name another one in the challenge",
            Some(1),
            Some("y"),
        ),
        (
            "id,y,y,Usage,race,finished\n",
            "line 1: the column \"y\" stands 2 times in the header (id, y, y, Usage, race, finished); it must stand there \
             once: rename the column or name another one in the challenge",
            Some(1),
            Some("y"),
        ),
        (
            "1,2,public,a,1\n1,2,private,a,1\n",
            "line 3, column \"id\": the id \"1\" stands in line 2 as well; keep one row for each id",
            Some(3),
            Some("id"),
        ),
        (
            "1,2,public,a,1\n2,,private,a,1\n",
            "line 3, column \"y\": the cell is empty; every row needs a value here",
            Some(3),
            Some("y"),
        ),
        (
            "1,nan,public,a,1\n",
            "line 2, column \"y\": \"nan\" is not a finite number; write one with a decimal point, or leave rows without a \
             known target out",
            Some(2),
            Some("y"),
        ),
        (
            "1,2,test,a,1\n",
            "line 2, column \"Usage\": \"test\" is no split; write public or private",
            Some(2),
            Some("Usage"),
        ),
        (
            "1,2,public,a,maybe\n",
            "line 2, column \"finished\": \"maybe\" does not say whether the event happened; write 1 or true, or 0 or false",
            Some(2),
            Some("finished"),
        ),
        (
            "1,2,public,,1\n",
            "line 2, column \"race\": the cell is empty; every row needs a value here",
            Some(2),
            Some("race"),
        ),
        (
            "1,2,public,a\n",
            "line 2: the row has 4 cells, the header has 5; quote a text that holds a comma, and use a point for decimals",
            Some(2),
            None,
        ),
        (
            "1,2,public,\"a,1\n",
            "line 2: a quote (\") opened in cell 4 is not closed on the same line; close it, double a quote that belongs to \
             the text (\"\"), and keep line breaks out of cells",
            Some(2),
            None,
        ),
        (
            "1,2,public,a,1\n2,2,public,b,1\n",
            "the column \"Usage\" puts no row into the private split; both splits need rows, or leave the column out and \
             let the platform divide the rows",
            None,
            Some("Usage"),
        ),
    ];
    for (rows, message, line, column) in cases {
        let csv = if rows.starts_with(char::is_numeric) {
            [header, rows].concat()
        } else {
            rows.to_owned()
        };
        let error = Solution::read_csv(csv.as_bytes(), &survival()).unwrap_err();
        assert_eq!(error.to_string(), message);
        assert_eq!(error.line(), line, "{message}");
        assert_eq!(error.column(), column, "{message}");
    }
    let labels = SolutionFormat {
        target: TargetKind::Label(classes(&["dry", "wet"])),
        ..SolutionFormat::new("id", "y")
    };
    let truth = Solution::read_csv(&b"id,y\n1,wet\n2,dry\n"[..], &labels).unwrap();
    assert_eq!(*truth.truth(None).target, [1.0, 0.0]);
    let error = Solution::read_csv(&b"id,y\n1,damp\n"[..], &labels).unwrap_err();
    assert_eq!(
        error.to_string(),
        "line 2, column \"y\": \"damp\" is none of the challenge's classes (dry, wet); correct it or add the class"
    );
}

#[test]
fn splits_are_drawn_by_seed_and_id_whatever_the_order() {
    let file = |rows: &[usize]| {
        let lines: Vec<String> = rows.iter().map(|row| format!("lap-{row},{row}")).collect();
        format!("id,y\n{}", lines.join("\n"))
    };
    let mut rows: Vec<usize> = (0..1000).collect();
    let public = |rows: &[usize], seed| {
        let mut truth = solution(&file(rows));
        truth.assign_splits(0.3, seed).unwrap();
        assert_eq!(truth.split_rows(Split::Public), 300);
        assert_eq!(truth.split_rows(Split::Private), 700);
        let mut targets = truth.truth(Some(Split::Public)).target.into_owned();
        targets.sort_by(f64::total_cmp);
        targets
    };
    let first = public(&rows, 5);
    assert_ne!(public(&rows, 6), first);
    rows.shuffle(&mut StdRng::seed_from_u64(7));
    assert_eq!(public(&rows, 5), first);

    let mut two = solution("id,y\n1,0\n2,0\n");
    two.assign_splits(0.999, 0).unwrap();
    assert_eq!(
        (
            two.split_rows(Split::Public),
            two.split_rows(Split::Private)
        ),
        (1, 1)
    );
    for fraction in [0.0, 1.0, -0.1, f64::NAN] {
        assert!(matches!(
            two.assign_splits(fraction, 0),
            Err(SplitError::Fraction(_))
        ));
    }
    let mut one = solution("id,y\n1,0\n");
    assert_eq!(
        one.assign_splits(0.5, 0),
        Err(SplitError::Indivisible("one row"))
    );
}

#[test]
fn groups_are_not_divided_between_splits() {
    let lines: Vec<String> = (0..1000)
        .map(|row| format!("{row},0,race-{}", row % 50))
        .collect();
    let format = SolutionFormat {
        group_column: Some("race".into()),
        ..SolutionFormat::new("id", "y")
    };
    let csv = format!("id,y,race\n{}", lines.join("\n"));
    let mut truth = Solution::read_csv(csv.as_bytes(), &format).unwrap();
    truth.assign_splits(0.3, 1).unwrap();
    assert_eq!(truth.split_rows(Split::Public), 300);
    let groups = |split| {
        let mut groups = truth.truth(Some(split)).group.unwrap().into_owned();
        groups.sort_unstable();
        groups.dedup();
        groups
    };
    let (public, private) = (groups(Split::Public), groups(Split::Private));
    assert_eq!((public.len(), private.len()), (15, 35));
    assert!(public.iter().all(|group| !private.contains(group)));
}

#[test]
fn both_splits_are_scored_on_their_own_rows() {
    let format = SolutionFormat {
        split_column: Some("split".into()),
        ..SolutionFormat::new("id", "y")
    };
    let csv = "id,y,split\n1,10,public\n2,20,private\n3,30,public\n4,40,private\n";
    let truth = Solution::read_csv(csv.as_bytes(), &format).unwrap();
    let predictions = &b"id,prediction\n4,44\n3,33\n2,20\n1,10\n"[..];
    let predictions = read_csv(predictions, &one_number(), &truth).unwrap();
    let mae: Metric = "mae".parse().unwrap();
    let scores = score(&truth, &predictions, &mae).unwrap();
    assert_eq!((scores.public, scores.private), (1.5, 2.0));

    let undivided = four_rows();
    let predictions = read_csv(
        &b"id,prediction\n4,1\n3,0\n2,0\n1,0\n"[..],
        &one_number(),
        &undivided,
    )
    .unwrap();
    assert_eq!(
        score(&undivided, &predictions, &mae),
        Err(ScoreError::NoSplits)
    );
    let auc: Metric = "roc_auc".parse().unwrap();
    let mut truth = solution("id,y\n1,0\n2,0\n3,0\n4,0\n");
    truth.assign_splits(0.5, 0).unwrap();
    let error = score(&truth, &predictions, &auc).unwrap_err();
    assert!(
        error.to_string().starts_with("on the public split: "),
        "{error}"
    );
}

#[test]
fn files_are_scored_by_path_in_either_format() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let truth = path("solution.csv", b"id,y\n1,0\n2,0\n3,1\n4,1\n");
    let csv = path(
        "predictions.csv",
        b"id,prediction\n4,0.9\n3,0.3\n2,0.4\n1,0.1\n",
    );
    let parquet = path(
        "predictions.parquet",
        &parquet_of(&[
            ("id", array(Int64Array::from(vec![4, 3, 2, 1]))),
            (
                "prediction",
                array(Float64Array::from(vec![0.9, 0.3, 0.4, 0.1])),
            ),
        ]),
    );
    let metrics: Vec<Metric> = ["roc_auc", "mae"]
        .iter()
        .map(|metric| metric.parse().unwrap())
        .collect();
    let truth_format = SolutionFormat::new("id", "y");
    for (predictions, file_format) in [(&csv, FileFormat::Csv), (&parquet, FileFormat::Parquet)] {
        let scores = score_files(
            &truth,
            &truth_format,
            predictions,
            file_format,
            &one_number(),
            &metrics,
        )
        .unwrap();
        assert_eq!(scores[0], FileScore::All { score: 0.75 });
        let FileScore::All { score: mae } = scores[1] else {
            panic!("there is no split column");
        };
        assert!((mae - 0.325).abs() < 1e-15);
    }
    let file = std::fs::File::open(&csv).unwrap();
    let error =
        read_predictions(file, FileFormat::Parquet, &one_number(), &four_rows()).unwrap_err();
    assert!(error.to_string().contains("not Parquet"));
    let absent = folder.path().join("absent.csv");
    let error = score_files(
        &truth,
        &truth_format,
        &absent,
        FileFormat::Csv,
        &one_number(),
        &metrics,
    )
    .unwrap_err();
    assert!(
        error.to_string().contains("absent.csv cannot be opened"),
        "{error}"
    );
}
