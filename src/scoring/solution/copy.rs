//! The organizer's own rows of one split, for a scoring program.

use std::io::{self, Read, Write};

use super::{Solution, SolutionFormat, Split};

impl Solution {
    /// Copies the rows of one split from the file that this solution was read from, every column of
    /// them, in the order of the file.
    ///
    /// # Errors
    /// A file that cannot be read or written, or that is another one.
    pub fn copy_rows(
        &self,
        file: impl Read,
        format: &SolutionFormat,
        split: Split,
        output: impl Write,
    ) -> io::Result<()> {
        let other = || io::Error::other("this is not the file that the solution was read from");
        let mut reader = csv::Reader::from_reader(file);
        let mut writer = csv::Writer::from_writer(output);
        let headers = reader.byte_headers()?.clone();
        let of_ids = headers
            .iter()
            .position(|header| {
                header.strip_prefix(b"\xef\xbb\xbf").unwrap_or(header)
                    == format.id_column.as_bytes()
            })
            .ok_or_else(other)?;
        writer.write_byte_record(&headers)?;
        let splits = self.splits.as_deref().unwrap_or_default();
        let mut record = csv::ByteRecord::new();
        while reader.read_byte_record(&mut record)? {
            let id = record.get(of_ids).unwrap_or_default().trim_ascii();
            let row = self.row(id).ok_or_else(other)?;
            if splits.get(row as usize) == Some(&split) {
                writer.write_byte_record(&record)?;
            }
        }
        writer.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_split_is_copied_with_all_of_its_columns() {
        let truth =
            "id,target,split,note\n1,0.5,public,\"a, b\"\n2,1.5,private,c\n3,2.5,public,d\n";
        let format = SolutionFormat {
            split_column: Some("split".into()),
            ..SolutionFormat::new("id", "target")
        };
        let solution = Solution::read_csv(truth.as_bytes(), &format).unwrap();
        let mut copied = Vec::new();
        solution
            .copy_rows(truth.as_bytes(), &format, Split::Public, &mut copied)
            .unwrap();
        assert_eq!(
            String::from_utf8(copied).unwrap(),
            "id,target,split,note\n1,0.5,public,\"a, b\"\n3,2.5,public,d\n"
        );
        let other = "id,target,split,note\n9,0.5,public,a\n";
        assert!(
            solution
                .copy_rows(other.as_bytes(), &format, Split::Public, io::sink())
                .is_err()
        );
    }
}
