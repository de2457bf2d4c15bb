//! Predictions that were read and found valid, written anew: what a scoring program gets to see.

use std::io::{self, Write};

use super::{ColumnKind, PredictionFormat, Predictions};
use crate::scoring::solution::{Solution, Split};

/// Writes the predictions of one split as CSV in the order of the solution's rows, whatever the file
/// was that they came in.
///
/// # Errors
/// Where the output cannot be written.
pub fn write_predictions(
    predictions: &Predictions,
    format: &PredictionFormat,
    solution: &Solution,
    split: Split,
    output: impl Write,
) -> io::Result<()> {
    let rows: Vec<u32> = (0..solution.rows() as u32).collect(); // ids are counted in 32 bits
    let rows = solution.gather(&rows, Some(split));
    let mut csv = csv::Writer::from_writer(output);
    csv.write_field(format.id_column())?;
    csv.write_record(format.columns().iter().map(|column| &column.name))?;
    for row in rows.iter().map(|row| *row as usize) {
        csv.write_field(solution.id(row).as_bytes())?;
        let values = format.columns().iter().zip(predictions.columns());
        csv.write_record(values.map(|(column, values)| match &column.kind {
            ColumnKind::Label(classes) => {
                let class = classes.get(values[row] as usize);
                class.cloned().unwrap_or_default()
            }
            ColumnKind::Number | ColumnKind::Probability => values[row].to_string(),
        }))?;
    }
    csv.flush()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scoring::predictions::{PredictionColumn, read_csv};
    use crate::scoring::solution::SolutionFormat;

    #[test]
    fn a_split_is_written_with_names_of_classes_and_every_digit() {
        let truth = "id,target,split\na,0,public\nb,1,private\nc,0,public\n";
        let solution_format = SolutionFormat {
            split_column: Some("split".into()),
            ..SolutionFormat::new("id", "target")
        };
        let solution = Solution::read_csv(truth.as_bytes(), &solution_format).unwrap();
        let column = |name: &str, kind| PredictionColumn {
            name: name.into(),
            kind,
        };
        let format = PredictionFormat::new(
            "id",
            vec![
                column("x", ColumnKind::Number),
                column("y", ColumnKind::Label(vec!["dry".into(), "wet".into()])),
            ],
        )
        .unwrap();
        let sent = "id,x,y\nc,0.1,wet\nb,2,dry\na,-3e-7,dry\n";
        let predictions = read_csv(sent.as_bytes(), &format, &solution).unwrap();
        let mut written = Vec::new();
        write_predictions(
            &predictions,
            &format,
            &solution,
            Split::Public,
            &mut written,
        )
        .unwrap();
        assert_eq!(
            String::from_utf8(written).unwrap(),
            "id,x,y\na,-0.0000003,dry\nc,0.1,wet\n"
        );
    }
}
