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
        challenge_id -> Nullable<BigInt>,
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
        stage -> Text,
        review_note -> Text,
        time_zone -> Text,
        joining -> Text,
        invitation_key -> Nullable<Text>,
        prizes -> Text,
        eligibility -> Text,
        max_team_size -> Integer,
        teams_locked_at -> Nullable<Timestamp>,
        final_selections -> Integer,
        is_template -> Bool,
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
        grace_minutes -> Integer,
        late -> Text,
        carry_over -> Text,
        carried_at -> Nullable<Timestamp>,
        secondary_metrics -> Text,
        ladder -> Bool,
        public_digits -> Nullable<Integer>,
        standings_stale -> Bool,
        revision -> Integer,
        settled_at -> Nullable<Timestamp>,
    }
}

diesel::table! {
    teams (id) {
        id -> BigInt,
        challenge_id -> BigInt,
        name -> Text,
        created_at -> Timestamp,
        revision -> BigInt,
        is_baseline -> Bool,
        captain_id -> Nullable<BigInt>,
        disqualified_at -> Nullable<Timestamp>,
        disqualified_reason -> Nullable<Text>,
        merged_into -> Nullable<BigInt>,
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
        late -> Bool,
        withdrawn_at -> Nullable<Timestamp>,
        selected -> Bool,
        carried_from -> Nullable<BigInt>,
        shown_score -> Nullable<Double>,
        verified_at -> Nullable<Timestamp>,
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
        correction_id -> Nullable<BigInt>,
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
        private_submission_id -> Nullable<BigInt>,
        private_scored_at -> Nullable<Timestamp>,
        is_baseline -> Bool,
        is_verified -> Bool,
        public_tie -> Text,
        private_tie -> Text,
        public_low -> Nullable<Double>,
        public_high -> Nullable<Double>,
        private_low -> Nullable<Double>,
        private_high -> Nullable<Double>,
        public_tier -> Nullable<Integer>,
        private_tier -> Nullable<Integer>,
        public_lead -> Nullable<Double>,
        private_lead -> Nullable<Double>,
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

diesel::table! {
    submission_evidence (submission_id) {
        submission_id -> BigInt,
        replicates -> Nullable<Text>,
        fingerprint -> Nullable<Text>,
        secondary -> Text,
    }
}

diesel::table! {
    entry_history (id) {
        id -> BigInt,
        phase_id -> BigInt,
        team_id -> BigInt,
        submission_id -> BigInt,
        at -> Timestamp,
        until -> Nullable<Timestamp>,
        score -> Double,
        board_key -> Double,
        tie -> Text,
        is_baseline -> Bool,
    }
}

diesel::table! {
    corrections (id) {
        id -> BigInt,
        phase_id -> BigInt,
        author_id -> BigInt,
        reason -> Text,
        task -> Text,
        previous -> Text,
        started_at -> Timestamp,
        finished_at -> Nullable<Timestamp>,
        cancelled_at -> Nullable<Timestamp>,
        summary -> Nullable<Text>,
    }
}

diesel::table! {
    correction_scores (correction_id, submission_id) {
        correction_id -> BigInt,
        submission_id -> BigInt,
        outcome -> Text,
    }
}

diesel::table! {
    flags (id) {
        id -> BigInt,
        challenge_id -> BigInt,
        phase_id -> BigInt,
        kind -> Text,
        submission_id -> BigInt,
        other_submission_id -> BigInt,
        similarity -> Double,
        raised_at -> Timestamp,
        resolved_at -> Nullable<Timestamp>,
        resolved_by -> Nullable<BigInt>,
        resolution -> Nullable<Text>,
    }
}

diesel::table! {
    challenge_invitations (id) {
        id -> BigInt,
        challenge_id -> BigInt,
        email -> Text,
        created_at -> Timestamp,
    }
}

diesel::table! {
    join_requests (challenge_id, user_id) {
        challenge_id -> BigInt,
        user_id -> BigInt,
        message -> Text,
        asked_at -> Timestamp,
        decided_at -> Nullable<Timestamp>,
        decided_by -> Nullable<BigInt>,
        approved -> Nullable<Bool>,
        rules_version -> Integer,
    }
}

diesel::table! {
    team_invitations (id) {
        id -> BigInt,
        challenge_id -> BigInt,
        team_id -> BigInt,
        kind -> Text,
        user_id -> Nullable<BigInt>,
        other_team_id -> Nullable<BigInt>,
        invited_by -> BigInt,
        created_at -> Timestamp,
        answered_at -> Nullable<Timestamp>,
        answer -> Nullable<Text>,
    }
}

diesel::table! {
    announcements (id) {
        id -> BigInt,
        challenge_id -> BigInt,
        author_id -> Nullable<BigInt>,
        title -> Text,
        body -> Text,
        at -> Timestamp,
    }
}

diesel::table! {
    notifications (id) {
        id -> BigInt,
        user_id -> BigInt,
        challenge_id -> Nullable<BigInt>,
        kind -> Text,
        title -> Text,
        body -> Text,
        href -> Text,
        at -> Timestamp,
        read_at -> Nullable<Timestamp>,
    }
}

diesel::table! {
    notification_preferences (user_id, kind) {
        user_id -> BigInt,
        kind -> Text,
        in_site -> Bool,
        by_email -> Bool,
    }
}

diesel::table! {
    outgoing_mail (id) {
        id -> BigInt,
        recipient -> Text,
        subject -> Text,
        body -> Text,
        created_at -> Timestamp,
        attempts -> Integer,
        next_attempt_at -> Timestamp,
        sent_at -> Nullable<Timestamp>,
        problem -> Nullable<Text>,
        href -> Text,
        given_up_at -> Nullable<Timestamp>,
        sealed -> Nullable<Text>,
    }
}

diesel::table! {
    discussion_topics (id) {
        id -> BigInt,
        challenge_id -> BigInt,
        author_id -> BigInt,
        title -> Text,
        created_at -> Timestamp,
        last_post_at -> Timestamp,
        post_count -> BigInt,
        is_pinned -> Bool,
        is_locked -> Bool,
        hidden_at -> Nullable<Timestamp>,
        hidden_reason -> Nullable<Text>,
    }
}

diesel::table! {
    discussion_posts (id) {
        id -> BigInt,
        topic_id -> BigInt,
        author_id -> BigInt,
        body -> Text,
        created_at -> Timestamp,
        edited_at -> Nullable<Timestamp>,
        hidden_at -> Nullable<Timestamp>,
        hidden_by -> Nullable<BigInt>,
        hidden_reason -> Nullable<Text>,
    }
}

diesel::table! {
    post_reports (post_id, user_id) {
        post_id -> BigInt,
        user_id -> BigInt,
        challenge_id -> BigInt,
        reason -> Text,
        reported_at -> Timestamp,
        resolved_at -> Nullable<Timestamp>,
    }
}

diesel::table! {
    discussion_mutes (challenge_id, user_id) {
        challenge_id -> BigInt,
        user_id -> BigInt,
        reason -> Text,
        muted_at -> Timestamp,
        muted_by -> BigInt,
    }
}

diesel::table! {
    board_models (board_id, submission_id) {
        board_id -> BigInt,
        submission_id -> BigInt,
        team_id -> BigInt,
        rank -> BigInt,
        private_score -> Double,
        weight -> Double,
        cluster -> Integer,
        leave_one_out -> Nullable<Double>,
        fair_share -> Nullable<Double>,
    }
}

diesel::table! {
    rated_drivers (id) {
        id -> BigInt,
        board_id -> BigInt,
        driver -> Text,
        position -> Integer,
        tier -> Integer,
        class -> Nullable<Text>,
        age_band -> Nullable<Text>,
        region -> Nullable<Text>,
        laps -> Integer,
        pace_percentile -> Nullable<Double>,
        top_tenth -> Nullable<Double>,
        consistency -> Nullable<Double>,
        improvement -> Nullable<Double>,
        wet_minus_dry -> Nullable<Double>,
        weight_adjusted_pace -> Nullable<Double>,
        pace_for_age -> Nullable<Double>,
        passes_above_expected -> Nullable<Double>,
        profile -> Text,
    }
}

diesel::table! {
    shortlists (id) {
        id -> BigInt,
        user_id -> BigInt,
        name -> Text,
        created_at -> Timestamp,
    }
}

diesel::table! {
    shortlisted_drivers (shortlist_id, challenge_id, driver) {
        shortlist_id -> BigInt,
        challenge_id -> BigInt,
        driver -> Text,
        added_at -> Timestamp,
    }
}

diesel::table! {
    driver_notes (user_id, challenge_id, driver) {
        user_id -> BigInt,
        challenge_id -> BigInt,
        driver -> Text,
        body -> Text,
        updated_at -> Timestamp,
    }
}

diesel::table! {
    saved_searches (id) {
        id -> BigInt,
        user_id -> BigInt,
        challenge_id -> BigInt,
        name -> Text,
        query -> Text,
        alerts -> Bool,
        created_at -> Timestamp,
    }
}

diesel::table! {
    coached_drivers (id) {
        id -> BigInt,
        owner_id -> BigInt,
        label -> Text,
        class -> Text,
        weight_kg -> Nullable<Double>,
        height_cm -> Nullable<Integer>,
        birth_year -> Nullable<Integer>,
        created_at -> Timestamp,
        link_hash -> Nullable<Text>,
        link_expires_at -> Nullable<Timestamp>,
    }
}

diesel::table! {
    final_standings (challenge_id, team_id) {
        challenge_id -> BigInt,
        phase_id -> BigInt,
        team_id -> BigInt,
        submission_id -> BigInt,
        rank -> BigInt,
        teams -> BigInt,
        medal -> Nullable<Text>,
        ended_at -> Timestamp,
    }
}

diesel::table! {
    driving_sessions (id) {
        id -> BigInt,
        driver_id -> BigInt,
        track -> Text,
        name -> Text,
        wet -> Bool,
        started_at -> Timestamp,
        ended_at -> Nullable<Timestamp>,
        summary -> Nullable<Text>,
    }
}

diesel::table! {
    expert_profiles (user_id) {
        user_id -> BigInt,
        headline -> Text,
        about -> Text,
        website -> Text,
        is_public -> Bool,
        open_to_contact -> Bool,
        gold -> BigInt,
        silver -> BigInt,
        bronze -> BigInt,
        results -> BigInt,
    }
}

diesel::table! {
    driven_laps (id) {
        id -> BigInt,
        driver_id -> BigInt,
        session_id -> BigInt,
        number -> Integer,
        milliseconds -> Integer,
        sectors -> Text,
        out_lap -> Bool,
        pit -> Bool,
        received_at -> Timestamp,
    }
}

diesel::table! {
    expert_contacts (id) {
        id -> BigInt,
        expert_id -> BigInt,
        sender_id -> BigInt,
        organisation -> Text,
        message -> Text,
        reply_to -> Text,
        sent_at -> Timestamp,
    }
}

diesel::table! {
    public_receipts (submission_id) {
        submission_id -> BigInt,
        shown_by -> BigInt,
        shown_at -> Timestamp,
    }
}

diesel::table! {
    contact_requests (id) {
        id -> BigInt,
        challenge_id -> BigInt,
        release_id -> BigInt,
        driver -> Text,
        scout_id -> BigInt,
        organizer_id -> BigInt,
        name -> Text,
        organisation -> Text,
        message -> Text,
        reach -> Text,
        state -> Text,
        expires_at -> Nullable<Timestamp>,
        asked_at -> Timestamp,
        forwarded_at -> Nullable<Timestamp>,
        accepted_at -> Nullable<Timestamp>,
        ended_at -> Nullable<Timestamp>,
        reason -> Text,
        is_minor -> Nullable<Bool>,
        accepted_by -> Nullable<Text>,
        decision_key_hash -> Nullable<Text>,
        withdrawal_key_hash -> Nullable<Text>,
        sealed_address -> Nullable<Text>,
        sealed_contact -> Nullable<Text>,
        opened_count -> Integer,
        opened_at -> Nullable<Timestamp>,
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
diesel::joinable!(submission_evidence -> submissions (submission_id));
diesel::joinable!(entry_history -> phases (phase_id));
diesel::joinable!(entry_history -> teams (team_id));
diesel::joinable!(corrections -> phases (phase_id));
diesel::joinable!(correction_scores -> corrections (correction_id));
diesel::joinable!(correction_scores -> submissions (submission_id));
diesel::joinable!(flags -> phases (phase_id));
diesel::joinable!(challenge_invitations -> challenges (challenge_id));
diesel::joinable!(join_requests -> challenges (challenge_id));
diesel::joinable!(join_requests -> users (user_id));
diesel::joinable!(team_invitations -> teams (team_id));
diesel::joinable!(announcements -> challenges (challenge_id));
diesel::joinable!(notifications -> users (user_id));
diesel::joinable!(notification_preferences -> users (user_id));
diesel::joinable!(discussion_topics -> challenges (challenge_id));
diesel::joinable!(discussion_topics -> users (author_id));
diesel::joinable!(discussion_posts -> discussion_topics (topic_id));
diesel::joinable!(discussion_posts -> users (author_id));
diesel::joinable!(post_reports -> discussion_posts (post_id));
diesel::joinable!(discussion_mutes -> challenges (challenge_id));
diesel::joinable!(board_models -> talent_boards (board_id));
diesel::joinable!(board_models -> submissions (submission_id));
diesel::joinable!(board_models -> teams (team_id));
diesel::joinable!(rated_drivers -> talent_boards (board_id));
diesel::joinable!(shortlisted_drivers -> shortlists (shortlist_id));
diesel::joinable!(shortlisted_drivers -> challenges (challenge_id));
diesel::joinable!(driver_notes -> challenges (challenge_id));
diesel::joinable!(saved_searches -> challenges (challenge_id));
diesel::joinable!(driving_sessions -> coached_drivers (driver_id));
diesel::joinable!(driven_laps -> driving_sessions (session_id));
diesel::joinable!(final_standings -> teams (team_id));
diesel::joinable!(expert_profiles -> users (user_id));
diesel::joinable!(expert_contacts -> users (sender_id));
diesel::joinable!(contact_requests -> challenges (challenge_id));
diesel::joinable!(contact_requests -> releases (release_id));
diesel::joinable!(contact_requests -> users (scout_id));

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
    board_models,
    rated_drivers,
    shortlists,
    shortlisted_drivers,
    driver_notes,
    saved_searches,
    contact_requests,
    submission_evidence,
    entry_history,
    corrections,
    correction_scores,
    flags,
    challenge_invitations,
    join_requests,
    team_invitations,
    announcements,
    notifications,
    notification_preferences,
    outgoing_mail,
    discussion_topics,
    discussion_posts,
    post_reports,
    discussion_mutes,
    coached_drivers,
    driving_sessions,
    driven_laps,
    final_standings,
    expert_profiles,
    expert_contacts,
    public_receipts,
);
