//! The table of permissions, walked route by route as everybody that there is.

use paddock::accounts::permissions::{Principal, RULES, Refusal, Rule, check};
use paddock::accounts::tokens::Scope;
use paddock::accounts::users::Role;
use reqwest::{Method, Response};

use crate::app::{Browser, TestApp};
use crate::on_both_databases;

/// Somebody who calls: in a browser with its cookie, or as a program with a token.
struct Caller {
    name: String,
    principal: Principal,
    browser: Browser,
    token: Option<String>,
}

impl Caller {
    async fn call(&self, rule: &Rule) -> Response {
        let method = Method::from_bytes(rule.method.as_bytes()).unwrap();
        let url = format!("{}{}", self.browser.address, example(rule.pattern));
        let mut request = self.browser.client.request(method, url);
        request = match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request.header("Sec-Fetch-Site", "same-origin"),
        };
        request.send().await.unwrap()
    }
}

/// An address of a pattern, of things that do not exist: the walk asks who may pass, not what happens then.
fn example(pattern: &str) -> String {
    [
        ("{slug}", "none"),
        ("{kind}", "python"),
        ("{driver}", "D-NOBODY"),
        ("{key}", "00000000000000000000000000000000"),
        ("{id}", "999999"),
        ("{run}", "999999"),
        ("{session}", "999999"),
        ("{username}", "nobody"),
        ("{path:.*}", "none.csv"),
        ("{namespace}", "nobody"),
        ("{name}", "none"),
        ("{revision}", "main"),
        ("{file:.*}", "paddock.css"),
    ]
    .iter()
    .fold(pattern.to_owned(), |path, (name, value)| {
        path.replace(name, value)
    })
}

async fn everybody(app: &TestApp) -> Vec<Caller> {
    let mut callers = vec![Caller {
        name: "a visitor".into(),
        principal: Principal::Visitor,
        browser: app.visitor(),
        token: None,
    }];
    for role in Role::ALL {
        let account = app.account(*role).await;
        callers.push(Caller {
            name: format!("{role} in a browser"),
            principal: Principal::Browser(account.user.clone()),
            browser: app.browser_of(&account).await,
            token: None,
        });
        const SCOPES: [&[Scope]; 4] = [
            Scope::ALL,
            &[Scope::Read],
            &[Scope::Submit],
            &[Scope::Organize],
        ];
        for scopes in SCOPES {
            callers.push(Caller {
                name: format!("{role} with a token for {scopes:?}"),
                principal: Principal::Program(account.user.clone(), scopes.to_vec()),
                browser: app.visitor(),
                token: Some(app.token_of(&account.user, scopes).await),
            });
        }
    }
    callers.push(Caller {
        name: "a worker".into(),
        principal: Principal::Worker {
            name: "north".into(),
        },
        browser: app.visitor(),
        token: Some(app.worker_token("north").await),
    });
    callers
}

async fn walk(caller: &Caller, rule: &Rule) {
    let response = caller.call(rule).await;
    let told = format!("{} {} as {}", rule.method, rule.pattern, caller.name);
    let status = response.status().as_u16();
    let location = response
        .headers()
        .get("location")
        .map_or("", |value| value.to_str().unwrap())
        .to_owned();
    let body = response.text().await.unwrap();
    match check(rule, &caller.principal) {
        Ok(()) => {
            assert!(!matches!(status, 401 | 403), "{told}: {status} {body}");
            assert!(!location.starts_with("/sign-in"), "{told}: {location}");
            assert!(status < 500, "{told}: {status} {body}");
            assert!(
                !body.contains("There is nothing at this address."),
                "{told}: the table has a route that is not served"
            );
        }
        Err(Refusal::SignIn) => {
            let is_page = rule.method == "GET" && !rule.pattern.starts_with("/api/");
            if is_page && caller.token.is_none() {
                assert_eq!(status, 303, "{told}");
                assert!(
                    location.starts_with("/sign-in?next=/"),
                    "{told}: {location}"
                );
            } else {
                assert_eq!(status, 401, "{told}");
            }
        }
        Err(Refusal::Role(_) | Refusal::Scope(_)) => assert_eq!(status, 403, "{told}: {body}"),
        Err(Refusal::NoSuchRoute) => panic!("{told}: a rule is a route"),
    }
}

on_both_databases!(
    every_route_answers_everybody_as_the_table_says,
    |app| async move {
        let (leaving, staying): (Vec<_>, Vec<_>) =
            RULES.iter().partition(|rule| rule.pattern == "/sign-out");
        assert_eq!(leaving.len(), 1);
        for caller in everybody(&app).await {
            for rule in staying.iter().chain(&leaving) {
                walk(&caller, rule).await;
            }
        }
    }
);

on_both_databases!(what_is_not_in_the_table_is_not_served, |app| async move {
    let admin = app.account(Role::Admin).await;
    let browser = app.browser_of(&admin).await;
    for path in [
        "/none",
        "/api/v1/none",
        "/console/none",
        "/api/v2/challenges",
        "/challenges/",
    ] {
        assert_eq!(browser.get(path).await.status(), 404, "{path}");
    }
    assert_eq!(browser.post("/challenges", &[]).await.status(), 405);
    let unknown = app
        .get("/account")
        .bearer_auth("pdk_unknown")
        .send()
        .await
        .unwrap();
    assert_eq!(
        unknown.status(),
        401,
        "a token that is not in force is not a visitor"
    );
});
