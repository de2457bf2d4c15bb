//! The tables as diesel sees them. A test compares this file with both databases.

diesel::table! {
    users (id) {
        id -> BigInt,
        username -> Text,
        username_key -> Text,
        email -> Text,
        password_hash -> Text,
        role -> Text,
        created_at -> Timestamp,
    }
}

diesel::table! {
    sessions (key_hash) {
        key_hash -> Text,
        user_id -> Nullable<BigInt>,
        state -> Text,
        expires_at -> Timestamp,
    }
}

diesel::table! {
    api_tokens (id) {
        id -> BigInt,
        user_id -> BigInt,
        name -> Text,
        token_hash -> Text,
        scopes -> Text,
        created_at -> Timestamp,
        expires_at -> Nullable<Timestamp>,
        revoked_at -> Nullable<Timestamp>,
    }
}

diesel::table! {
    worker_tokens (id) {
        id -> BigInt,
        name -> Text,
        token_hash -> Text,
        created_at -> Timestamp,
        revoked_at -> Nullable<Timestamp>,
    }
}

diesel::table! {
    audit_log (id) {
        id -> BigInt,
        at -> Timestamp,
        actor_id -> Nullable<BigInt>,
        action -> Text,
        subject -> Text,
        detail -> Text,
    }
}

diesel::table! {
    datasets (id) {
        id -> BigInt,
        slug -> Text,
        owner_id -> BigInt,
        title -> Text,
        summary -> Text,
        card -> Text,
        licence -> Text,
        created_at -> Timestamp,
        citation -> Text,
        doi -> Text,
        access -> Text,
    }
}

diesel::table! {
    releases (id) {
        id -> BigInt,
        dataset_id -> BigInt,
        version -> Integer,
        notes -> Text,
        policy -> Text,
        report -> Text,
        published_at -> Timestamp,
        override_reason -> Nullable<Text>,
        overridden_by -> Nullable<BigInt>,
        identities -> Text,
    }
}

diesel::table! {
    sealed_identities (id) {
        id -> BigInt,
        release_id -> BigInt,
        pseudonym -> Text,
        sealed -> Text,
    }
}

diesel::table! {
    dataset_drafts (id) {
        id -> BigInt,
        key -> Text,
        owner_id -> BigInt,
        file_name -> Text,
        announced_bytes -> BigInt,
        received_bytes -> BigInt,
        parts -> Text,
        state -> Text,
        source -> Text,
        inspection -> Nullable<Text>,
        details -> Text,
        policy -> Text,
        sealed_key -> Text,
        examination -> Nullable<Text>,
        problem -> Nullable<Text>,
        step -> Text,
        progress -> Integer,
        measuring_until -> Nullable<Timestamp>,
        created_at -> Timestamp,
        updated_at -> Timestamp,
    }
}

diesel::table! {
    release_files (id) {
        id -> BigInt,
        release_id -> BigInt,
        path -> Text,
        media_type -> Text,
        description -> Text,
        sha256 -> Text,
        bytes -> BigInt,
        row_count -> BigInt,
        summary -> Text,
    }
}

diesel::table! {
    challenges (id) {
        id -> BigInt,
        slug -> Text,
        owner_id -> BigInt,
        title -> Text,
        tagline -> Text,
        release_id -> Nullable<BigInt>,
        rates_drivers -> Bool,
        prediction_format -> Text,
        rules -> Text,
        rules_version -> Integer,
        team_count -> BigInt,
        created_at -> Timestamp,
        published_at -> Nullable<Timestamp>,
        kinds -> Text,
        onnx_contract -> Nullable<Text>,
        run_limits -> Nullable<Text>,
    }
}

diesel::table! {
    challenge_pages (id) {
        id -> BigInt,
        challenge_id -> BigInt,
        position -> Integer,
        slug -> Text,
        title -> Text,
        body -> Text,
    }
}

diesel::table! {
    phases (id) {
        id -> BigInt,
        challenge_id -> BigInt,
        position -> Integer,
        name -> Text,
        starts_at -> Timestamp,
        ends_at -> Timestamp,
        metric -> Text,
        submissions_per_day -> Integer,
        submissions_total -> Integer,
        max_bytes -> BigInt,
        solution_sha256 -> Text,
        solution_rows -> BigInt,
        solution_format -> Text,
        sample_sha256 -> Text,
        sample_bytes -> BigInt,
        entry_count -> BigInt,
        features_sha256 -> Nullable<Text>,
        features_bytes -> Nullable<BigInt>,
        features_format -> Nullable<Text>,
        features_hidden -> Bool,
        features_columns -> Nullable<Text>,
        program_sha256 -> Nullable<Text>,
    }
}

diesel::table! {
    teams (id) {
        id -> BigInt,
        challenge_id -> BigInt,
        name -> Text,
        created_at -> Timestamp,
        revision -> BigInt,
    }
}

diesel::table! {
    members (challenge_id, user_id) {
        challenge_id -> BigInt,
        user_id -> BigInt,
        team_id -> BigInt,
        rules_version -> Integer,
        accepted_at -> Timestamp,
    }
}

diesel::table! {
    submissions (id) {
        id -> BigInt,
        challenge_id -> BigInt,
        phase_id -> BigInt,
        team_id -> BigInt,
        user_id -> BigInt,
        state -> Text,
        counts -> Bool,
        description -> Text,
        file_name -> Text,
        format -> Text,
        storage_key -> Text,
        sha256 -> Text,
        bytes -> BigInt,
        received_at -> Timestamp,
        scored_at -> Nullable<Timestamp>,
        public_score -> Nullable<Double>,
        private_score -> Nullable<Double>,
        verdict -> Nullable<Text>,
        reason -> Nullable<Text>,
        error_line -> Nullable<BigInt>,
        error_column -> Nullable<Text>,
        kind -> Text,
        predictions_key -> Nullable<Text>,
        cpu_seconds -> Nullable<Double>,
        wall_seconds -> Nullable<Double>,
        peak_memory_bytes -> Nullable<BigInt>,
    }
}

diesel::table! {
    runs (id) {
        id -> BigInt,
        submission_id -> BigInt,
        state -> Text,
        attempt -> Integer,
        worker -> Nullable<Text>,
        queued_at -> Timestamp,
        leased_at -> Nullable<Timestamp>,
        lease_expires_at -> Nullable<Timestamp>,
        finished_at -> Nullable<Timestamp>,
        kind -> Text,
        needs_sandbox -> Bool,
        rescore -> Bool,
        memory_bytes -> BigInt,
    }
}

diesel::table! {
    run_logs (submission_id) {
        submission_id -> BigInt,
        stdout -> Text,
        stderr -> Text,
    }
}

diesel::table! {
    receipts (id) {
        id -> BigInt,
        submission_id -> BigInt,
        issued_at -> Timestamp,
        body -> Text,
    }
}

diesel::table! {
    workers (name) {
        name -> Text,
        version -> Text,
        kinds -> Text,
        concurrency -> Integer,
        running -> Integer,
        memory_bytes -> BigInt,
        runtime -> Nullable<Text>,
        sandbox_problem -> Nullable<Text>,
        draining -> Bool,
        runs_done -> BigInt,
        runs_failed -> BigInt,
        started_at -> Timestamp,
        last_heartbeat_at -> Timestamp,
    }
}

diesel::table! {
    entries (phase_id, team_id) {
        phase_id -> BigInt,
        team_id -> BigInt,
        submission_id -> BigInt,
        submission_count -> BigInt,
        scored_at -> Timestamp,
        public_score -> Double,
        public_key -> Double,
        private_score -> Double,
        private_key -> Double,
    }
}

diesel::table! {
    talent_boards (id) {
        id -> BigInt,
        challenge_id -> BigInt,
        published_at -> Timestamp,
        board -> Text,
    }
}

diesel::joinable!(sessions -> users (user_id));
diesel::joinable!(api_tokens -> users (user_id));
diesel::joinable!(audit_log -> users (actor_id));
diesel::joinable!(datasets -> users (owner_id));
diesel::joinable!(releases -> datasets (dataset_id));
diesel::joinable!(release_files -> releases (release_id));
diesel::joinable!(sealed_identities -> releases (release_id));
diesel::joinable!(dataset_drafts -> users (owner_id));
diesel::joinable!(challenges -> users (owner_id));
diesel::joinable!(challenges -> releases (release_id));
diesel::joinable!(challenge_pages -> challenges (challenge_id));
diesel::joinable!(phases -> challenges (challenge_id));
diesel::joinable!(teams -> challenges (challenge_id));
diesel::joinable!(members -> challenges (challenge_id));
diesel::joinable!(members -> users (user_id));
diesel::joinable!(members -> teams (team_id));
diesel::joinable!(submissions -> challenges (challenge_id));
diesel::joinable!(submissions -> phases (phase_id));
diesel::joinable!(submissions -> teams (team_id));
diesel::joinable!(submissions -> users (user_id));
diesel::joinable!(runs -> submissions (submission_id));
diesel::joinable!(run_logs -> submissions (submission_id));
diesel::joinable!(receipts -> submissions (submission_id));
diesel::joinable!(entries -> phases (phase_id));
diesel::joinable!(entries -> teams (team_id));
diesel::joinable!(entries -> submissions (submission_id));
diesel::joinable!(talent_boards -> challenges (challenge_id));
diesel::allow_tables_to_appear_in_same_query!(
    users,
    sessions,
    api_tokens,
    worker_tokens,
    audit_log,
    datasets,
    releases,
    release_files,
    sealed_identities,
    dataset_drafts,
    challenges,
    challenge_pages,
    phases,
    teams,
    members,
    submissions,
    runs,
    run_logs,
    receipts,
    workers,
    entries,
    talent_boards,
);
