//! What a challenge asks of an ONNX model: which tensors it takes and gives.

use serde::{Deserialize, Serialize};

use crate::scoring::predictions::PredictionFormat;

/// The name of an output's column that no prediction is taken from.
pub const SKIPPED: &str = "_";

/// The inputs that a challenge's models take and the outputs that they give, in batches of rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OnnxContract {
    /// The tensors that a model is fed.
    pub inputs: Vec<OnnxInput>,
    /// The tensors that predictions are taken from; a model may have more.
    pub outputs: Vec<OnnxOutput>,
}

/// A tensor of shape [rows, columns].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OnnxInput {
    /// Its name in the model.
    pub name: String,
    /// What its elements are.
    pub element: ElementType,
    /// The columns of the features that it holds, in order.
    pub columns: Vec<String>,
}

/// What the elements of an input are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ElementType {
    /// Numbers in 32 bits; an empty cell is NaN.
    Float32,
    /// Numbers in 64 bits; an empty cell is NaN.
    Float64,
    /// Whole numbers; an empty cell is an error.
    Int64,
    /// Texts.
    String,
}

impl ElementType {
    /// Its name in a challenge's settings and in messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Float32 => "float32",
            Self::Float64 => "float64",
            Self::Int64 => "int64",
            Self::String => "string",
        }
    }
}

/// A tensor of shape `[rows, columns]`, or `[rows]` if it has one column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OnnxOutput {
    /// Its name in the model.
    pub name: String,
    /// The prediction column that each of its columns gives; `_` for one that gives none.
    pub columns: Vec<String>,
}

/// Why a contract cannot be one of its challenge.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ContractError {
    /// Nothing goes in, or nothing comes out.
    #[error("an ONNX model needs at least one {0}; add one")]
    None(&'static str),
    /// A tensor without a name.
    #[error("an {0} has no name; give it the name of the model's tensor")]
    Unnamed(&'static str),
    /// Two tensors of one name.
    #[error("two {what}s are called \"{name}\"; name each tensor once")]
    RepeatedName {
        /// Input or output.
        what: &'static str,
        /// Which.
        name: String,
    },
    /// A tensor without columns.
    #[error("the {what} \"{name}\" has no columns; name at least one")]
    NoColumns {
        /// Input or output.
        what: &'static str,
        /// Which.
        name: String,
    },
    /// The id names rows, it tells nothing of them.
    #[error("the input \"{0}\" takes the id column; leave it out, ids are no features")]
    IdAsInput(String),
    /// A column that the predictions do not have.
    #[error(
        "the output \"{output}\" gives \"{column}\", which is no prediction column; the predictions have: {known}"
    )]
    UnknownColumn {
        /// Which output.
        output: String,
        /// Which column.
        column: String,
        /// The columns that there are.
        known: String,
    },
    /// A prediction from two places.
    #[error(
        "the prediction column \"{0}\" comes from two outputs; take it from one and write \"_\" for the other"
    )]
    RepeatedColumn(String),
    /// A prediction from nowhere.
    #[error("no output gives the prediction column \"{0}\"; name it in an output's columns")]
    MissingColumn(String),
}

impl OnnxContract {
    /// Checks that a contract is whole, and that it gives exactly the prediction columns of a format.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn check(&self, format: &PredictionFormat) -> Result<(), ContractError> {
        let inputs = self
            .inputs
            .iter()
            .map(|input| (&*input.name, &*input.columns));
        let outputs = self
            .outputs
            .iter()
            .map(|output| (&*output.name, &*output.columns));
        check_tensors("input", inputs)?;
        check_tensors("output", outputs)?;
        let id = format.id_column();
        if let Some(input) = self
            .inputs
            .iter()
            .find(|input| input.columns.iter().any(|column| column == id))
        {
            return Err(ContractError::IdAsInput(input.name.clone()));
        }
        let wanted = || format.columns().iter().map(|column| &*column.name);
        let mut given: Vec<&str> = Vec::new();
        for output in &self.outputs {
            for column in output.columns.iter().filter(|column| *column != SKIPPED) {
                if !wanted().any(|name| name == column) {
                    return Err(ContractError::UnknownColumn {
                        output: output.name.clone(),
                        column: column.clone(),
                        known: wanted().collect::<Vec<_>>().join(", "),
                    });
                }
                if given.contains(&&**column) {
                    return Err(ContractError::RepeatedColumn(column.clone()));
                }
                given.push(column);
            }
        }
        match wanted().find(|name| !given.contains(name)) {
            Some(missing) => Err(ContractError::MissingColumn(missing.to_owned())),
            None => Ok(()),
        }
    }
}

fn check_tensors<'a>(
    what: &'static str,
    tensors: impl Iterator<Item = (&'a str, &'a [String])>,
) -> Result<(), ContractError> {
    let mut names: Vec<&str> = Vec::new();
    for (name, columns) in tensors {
        if name.is_empty() {
            return Err(ContractError::Unnamed(what));
        }
        if names.contains(&name) {
            let name = name.to_owned();
            return Err(ContractError::RepeatedName { what, name });
        }
        if columns.is_empty() {
            let name = name.to_owned();
            return Err(ContractError::NoColumns { what, name });
        }
        names.push(name);
    }
    if names.is_empty() {
        return Err(ContractError::None(what));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scoring::predictions::{ColumnKind, PredictionColumn};

    fn contract(json: &str) -> OnnxContract {
        serde_json::from_str(json).unwrap()
    }

    fn format() -> PredictionFormat {
        let columns = ["dry", "wet"].map(|name| PredictionColumn {
            name: name.to_owned(),
            kind: ColumnKind::Probability,
        });
        PredictionFormat::new("lap", columns.into()).unwrap()
    }

    const INPUTS: &str =
        r#""inputs": [{"name": "X", "element": "float32", "columns": ["speed", "rain"]}]"#;

    #[test]
    fn a_contract_gives_each_prediction_column_once() {
        let whole = format!(
            r#"{{{INPUTS}, "outputs": [{{"name": "p", "columns": ["_", "dry", "wet"]}}]}}"#
        );
        assert_eq!(contract(&whole).check(&format()), Ok(()));

        let said = |outputs: &str| {
            contract(&format!(r#"{{{INPUTS}, "outputs": [{outputs}]}}"#))
                .check(&format())
                .unwrap_err()
                .to_string()
        };
        assert_eq!(
            said(r#"{"name": "p", "columns": ["dry"]}"#),
            "no output gives the prediction column \"wet\"; name it in an output's columns"
        );
        assert_eq!(
            said(r#"{"name": "p", "columns": ["dry", "wett"]}"#),
            "the output \"p\" gives \"wett\", which is no prediction column; the predictions have: dry, wet"
        );
        assert_eq!(
            said(r#"{"name": "p", "columns": ["dry", "wet"]}, {"name": "q", "columns": ["dry"]}"#),
            "the prediction column \"dry\" comes from two outputs; take it from one and write \"_\" for the other"
        );
        assert_eq!(said(""), "an ONNX model needs at least one output; add one");
        assert_eq!(
            said(r#"{"name": "p", "columns": []}"#),
            "the output \"p\" has no columns; name at least one"
        );
    }

    #[test]
    fn inputs_are_features_and_named_once() {
        let said = |inputs: &str| {
            let json = format!(
                r#"{{"inputs": [{inputs}], "outputs": [{{"name": "p", "columns": ["dry", "wet"]}}]}}"#
            );
            contract(&json).check(&format()).unwrap_err()
        };
        let x = r#"{"name": "X", "element": "string", "columns": ["driver"]}"#;
        assert_eq!(said(""), ContractError::None("input"));
        assert!(matches!(
            said(&format!("{x}, {x}")),
            ContractError::RepeatedName { what: "input", .. }
        ));
        let with_id = r#"{"name": "X", "element": "int64", "columns": ["lap"]}"#;
        assert_eq!(said(with_id), ContractError::IdAsInput("X".to_owned()));
    }
}
