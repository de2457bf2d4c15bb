//! Judgements of predictions, which need no sandbox.

use super::*;
use crate::scoring::predictions::{ColumnKind, PredictionColumn};

/// Sixty rows of a truth, half of them public.
const ROWS: usize = 60;

fn judge(metric: &str, secondary: &[&str], predict: impl Fn(usize) -> f64) -> Judgement {
    let folder = tempfile::tempdir().unwrap();
    let (mut truth, mut predicted) = ("id,target,split\n".to_owned(), "id,value\n".to_owned());
    for row in 0..ROWS {
        let split = ["public", "private"][row % 2];
        truth += &format!("{row},{},{split}\n", row * row % 17);
        predicted += &format!("{row},{}\n", predict(row));
    }
    let submission = folder.path().join("submission");
    std::fs::write(&submission, predicted).unwrap();
    let solution_format = SolutionFormat {
        split_column: Some("split".into()),
        ..SolutionFormat::new("id", "target")
    };
    let solution = Solution::read_csv(truth.as_bytes(), &solution_format).unwrap();
    let column = PredictionColumn {
        name: "value".into(),
        kind: ColumnKind::Number,
    };
    let task = Task {
        kind: SubmissionKind::Predictions,
        file_format: FileFormat::Csv,
        prediction_format: PredictionFormat::new("id", vec![column]).unwrap(),
        metric: metric.parse().unwrap(),
        limits: Limits::default(),
        features_format: None,
        onnx: None,
        secondary: secondary.iter().map(|rule| rule.parse().unwrap()).collect(),
    };
    let files = Files {
        submission: &submission,
        features: None,
        solution: None,
        program: None,
    };
    let judge = Judge::of_machine(&Config::default(), folder.path().to_owned());
    let nowhere = folder.path().join("predictions");
    let judged = judge.judge(
        &task,
        files,
        &solution,
        &solution_format,
        &nowhere,
        &AtomicBool::new(false),
    );
    judged.unwrap()
}

#[test]
fn a_judgement_brings_its_evidence() {
    let judged = judge("rmse", &["mae", "spearman"], |row| (row * 7 % 23) as f64);
    assert_eq!(judged.outcome.verdict(), Verdict::Ok);
    let evidence = judged.evidence.as_ref().unwrap();
    assert!(evidence.replicates.is_some() && evidence.fingerprint.is_some());
    assert_eq!(evidence.secondary.len(), 2);
    let Outcome::Scored { public, .. } = judge("mae", &[], |row| (row * 7 % 23) as f64).outcome
    else {
        panic!("the secondary metric scores alone as well");
    };
    assert_eq!(evidence.secondary[0].public, public);

    // As a worker sends it; and as a worker of before did.
    let json = serde_json::to_value(&judged).unwrap();
    assert_eq!(
        serde_json::from_value::<Judgement>(json.clone()).unwrap(),
        judged
    );
    let mut before = json;
    before.as_object_mut().unwrap().remove("evidence");
    let before: Judgement = serde_json::from_value(before).unwrap();
    assert_eq!((before.evidence, before.outcome), (None, judged.outcome));
}

#[test]
fn a_secondary_metric_without_a_value_fails_the_submission_by_name() {
    let judged = judge("rmse", &["mae", "spearman"], |_| 3.0);
    let Outcome::Failed {
        verdict, reason, ..
    } = judged.outcome
    else {
        panic!("a constant prediction has no rank correlation");
    };
    assert_eq!(verdict, Verdict::Invalid);
    assert!(reason.contains("the secondary metric spearman"), "{reason}");
    assert_eq!(judged.evidence, None);
}

#[test]
fn a_secondary_metric_that_the_truth_does_not_suit_is_the_organizers_to_mend() {
    let judged = judge("rmse", &["roc_auc"], |row| row as f64);
    let Outcome::Failed {
        verdict, reason, ..
    } = judged.outcome
    else {
        panic!("the targets are no classes");
    };
    assert_eq!(verdict, Verdict::PlatformFault);
    assert!(!reason.contains("row"), "{reason}");
}
