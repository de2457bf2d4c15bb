use chrono::TimeZone;
use serde_json::json;

use super::*;

fn key() -> ReceiptKey {
    ReceiptKey::new([7; 32])
}

fn facts() -> Facts {
    Facts {
        challenge: "lap-times".into(),
        phase: "Final".into(),
        dataset: Some(DatasetRelease {
            slug: "season".into(),
            version: 2,
        }),
        submission: JudgedSubmission {
            id: 42,
            kind: SubmissionKind::Python,
            sha256: "aa".repeat(32),
        },
        features: Some(Features {
            sha256: "bb".repeat(32),
            hidden: true,
        }),
        solution_sha256: "cc".repeat(32),
        metric: "rmse".into(),
        scoring_program_sha256: Some("dd".repeat(32)),
        runtime: Some("2026.11".into()),
        limits: Some(json!({ "memory_bytes": 1_u64 << 30, "cpu_seconds": 2.5 })),
        scorer: "paddock 0.1.0".into(),
        verdict: Verdict::Ok,
        scores: Some((0.1 + 0.2, 1e-7)),
        hides_public_score: false,
        scored_at: Utc.with_ymd_and_hms(2026, 6, 1, 12, 0, 0).unwrap(),
        run: 7,
        attempt: 1,
    }
}

fn kept() -> KeptReceipt {
    issue(&key(), facts(), [9; 32]).unwrap()
}

/// The text of a receipt as it is handed out after the phase.
fn document() -> Value {
    json!(kept().shown(true))
}

#[test]
fn the_signed_bytes_stay_what_they_are() {
    let bytes = canonical::canonical(&document()["receipt"]).unwrap();
    insta::assert_snapshot!(String::from_utf8(bytes).unwrap(), @r#"{"attempt":1,"challenge":"lap-times","dataset":{"slug":"season","version":2},"features":{"commitment":"bd380477cc5861cdb222b14a264c8db3d2a406c382be8093ee08ae156a258fea"},"limits":{"cpu_seconds":2.5,"memory_bytes":1073741824},"metric":"rmse","phase":"Final","private_score_commitment":"339ac2c0d9f9d2cf43d5af7906ec0508228244ad5642c1dba00a0a0a9fbacbeb","public_score":0.30000000000000004,"run":7,"runtime":"2026.11","scored_at":"2026-06-01T12:00:00Z","scorer":"paddock 0.1.0","scoring_program_sha256":"dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd","solution":{"commitment":"871bdf12602492e173be31570d86a31a477b8bf767a490cc0e135bb15e9e2ebb"},"submission":{"id":42,"kind":"python","sha256":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"},"verdict":"ok","version":1}"#);
    insta::assert_snapshot!(document()["signature"].as_str().unwrap(), @"470a3f836a8302f391c3fcfdb42ee0370f84779ea0c26220dcbd74ee304b2625f94a351f35500074d8b32c2c8e18e9b7aa822bbfe4682565cf680cfecff1ac01");
    insta::assert_snapshot!(document()["opening"].to_string(), @r#"{"nonce":"0909090909090909090909090909090909090909090909090909090909090909","private_score":1e-7}"#);
}

#[test]
fn a_receipt_survives_its_way_through_the_database_and_a_download() {
    let text = serde_json::to_string(&kept()).unwrap();
    let read: KeptReceipt = serde_json::from_str(&text).unwrap();
    assert_eq!(read, kept());
    let downloaded = serde_json::to_string_pretty(&read.shown(true)).unwrap();
    let verified = verify(&downloaded, Some(key().public_key())).unwrap();
    assert_eq!(verified, kept().shown(true));
    assert_eq!(
        verified.receipt.public_score.unwrap().to_bits(),
        (0.1_f64 + 0.2).to_bits()
    );
}

#[test]
fn the_private_score_and_the_hidden_contents_are_not_told_before_the_phase_ends() {
    let early = serde_json::to_string(&kept().shown(false)).unwrap();
    let opening = kept().opening.unwrap();
    for secret in [
        "1e-7",
        &opening.nonce,
        &"cc".repeat(32),
        &"bb".repeat(32),
        &kept().solution_salt,
    ] {
        assert!(!early.contains(secret), "{secret}");
    }
    assert_eq!(verify(&early, None).unwrap().opening, None);
    // The same score in two receipts does not look the same.
    let other = issue(&key(), facts(), [10; 32]).unwrap();
    assert_ne!(
        other.signed.receipt.private_score_commitment,
        kept().signed.receipt.private_score_commitment
    );
    // The same solution does, so that teams see they were scored against one.
    assert_eq!(
        other.signed.receipt.solution,
        kept().signed.receipt.solution
    );
}

#[test]
fn whoever_holds_the_data_can_tell_whether_it_is_what_the_receipt_names() {
    let (features, solution) = ("bb".repeat(32), "cc".repeat(32));
    let both = |solution, features| Named { solution, features };
    assert_eq!(kept().names(&solution, Some(&features)), both(true, true));
    assert_eq!(kept().names(&features, Some(&solution)), both(false, false));
    assert_eq!(kept().names(&solution, None), both(true, false));
    let mut open = facts();
    open.features = Some(Features {
        sha256: features.clone(),
        hidden: false,
    });
    let open = issue(&key(), open, [9; 32]).unwrap();
    assert_eq!(
        open.signed.receipt.features,
        Some(Content::Sha256(features.clone()))
    );
    assert_eq!(open.names(&solution, Some(&features)), both(true, true));
}

/// Every leaf of a document, as a path of names.
fn leaves(value: &Value, path: Vec<String>) -> Vec<Vec<String>> {
    match value {
        Value::Object(members) => members
            .iter()
            .flat_map(|(name, value)| leaves(value, [path.clone(), vec![name.clone()]].concat()))
            .collect(),
        _ => vec![path],
    }
}

fn at<'a>(document: &'a mut Value, path: &[String]) -> &'a mut Value {
    path.iter().fold(document, |value, name| &mut value[name])
}

#[test]
fn a_change_of_any_field_is_noticed() {
    let paths = leaves(&document(), Vec::new());
    assert!(paths.len() >= 25, "{paths:?}");
    for path in paths {
        let mut changed = document();
        let field = at(&mut changed, &path);
        *field = match &*field {
            Value::String(text) if text == "ok" => json!("invalid"),
            Value::String(text) if text == "python" => json!("onnx"),
            Value::String(text) if text.ends_with('Z') => json!("2026-06-01T12:00:01Z"),
            Value::String(text) if text.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
                let first = if text.starts_with('0') { "1" } else { "0" };
                json!(format!("{first}{}", &text[1..]))
            }
            Value::String(text) => json!(format!("{text}x")),
            Value::Number(number) if number.is_f64() => {
                // The next double: one bit more.
                json!(f64::from_bits(number.as_f64().unwrap().to_bits() + 1))
            }
            Value::Number(number) => json!(number.as_i64().unwrap() + 1),
            other => panic!("{path:?}: {other}"),
        };
        let problem = verify(&changed.to_string(), None).unwrap_err();
        let expected = match path[0].as_str() {
            "opening" => ReceiptProblem::OpeningChanged,
            _ if path == ["receipt", "version"] => ReceiptProblem::Version(2),
            _ => ReceiptProblem::Changed,
        };
        assert_eq!(problem, expected, "{path:?}");
    }
}

#[test]
fn a_field_that_is_taken_away_or_added_is_noticed() {
    for path in leaves(&document(), Vec::new()) {
        let mut changed = document();
        let (last, parents) = path.split_last().unwrap();
        at(&mut changed, parents)
            .as_object_mut()
            .unwrap()
            .remove(last);
        let problem = verify(&changed.to_string(), None).unwrap_err();
        assert!(
            matches!(
                problem,
                ReceiptProblem::Unreadable(_) | ReceiptProblem::Changed
            ),
            "{path:?}: {problem}"
        );
    }
    for parents in [vec![], vec!["receipt".to_owned()]] {
        let mut changed = document();
        at(&mut changed, &parents)["note"] = json!("trust me");
        let problem = verify(&changed.to_string(), None).unwrap_err();
        assert!(problem.to_string().contains("note"), "{problem}");
    }
}

#[test]
fn another_key_signs_but_is_not_the_one_that_is_trusted() {
    let forger = ReceiptKey::new([8; 32]);
    let mut better = facts();
    better.scores = Some((0.0, 0.0));
    let forged = json!(issue(&forger, better, [9; 32]).unwrap().shown(true)).to_string();
    assert!(verify(&forged, None).is_ok(), "in itself it is whole");
    let problem = verify(&forged, Some(key().public_key())).unwrap_err();
    assert!(
        matches!(problem, ReceiptProblem::OtherKey { .. }),
        "{problem}"
    );
    // Naming the trusted key does not help.
    let mut named: Value = serde_json::from_str(&forged).unwrap();
    named["public_key"] = json!(key().public_key().to_hexadecimal());
    assert_eq!(
        verify(&named.to_string(), Some(key().public_key())),
        Err(ReceiptProblem::Changed)
    );
}

#[test]
fn a_failed_submission_has_a_receipt_without_scores() {
    let mut failed = facts();
    failed.verdict = Verdict::MemoryLimit;
    failed.scores = None;
    let failed = issue(&key(), failed, [9; 32]).unwrap().shown(true);
    assert_eq!(
        (failed.receipt.public_score, &failed.opening),
        (None, &None)
    );
    verify(&json!(failed).to_string(), None).unwrap();
}

#[test]
fn a_public_score_that_the_board_keeps_back_is_committed_to_and_opened_with_the_private_one() {
    let hidden = Facts {
        hides_public_score: true,
        ..facts()
    };
    let kept = issue(&key(), hidden, [9; 32]).unwrap();
    assert_eq!(kept.public_score(), Some(0.1 + 0.2));
    let early = json!(kept.shown(false)).to_string();
    assert!(!early.contains("0.30000000000000004"), "{early}");
    verify(&early, Some(key().public_key())).unwrap();
    let mut late = json!(kept.shown(true));
    assert_eq!(late["opening"]["public_score"], 0.1 + 0.2);
    assert_eq!(late["signature"], json!(kept.shown(false))["signature"]);
    verify(&late.to_string(), Some(key().public_key())).unwrap();
    for forged in [json!(0.3), json!(null)] {
        late["opening"]["public_score"] = forged;
        assert_eq!(
            verify(&late.to_string(), None),
            Err(ReceiptProblem::OpeningChanged)
        );
    }
}

#[test]
fn what_differs_is_named() {
    let mut other = facts();
    other.submission.sha256 = "ee".repeat(32);
    other.metric = "mae".into();
    let other = issue(&key(), other, [9; 32]).unwrap();
    assert_eq!(
        differences(&kept().signed.receipt, &other.signed.receipt),
        ["metric", "submission.sha256"]
    );
}
