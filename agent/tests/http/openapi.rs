//! docs/guest-agent-openapi.yaml says what the agent does: every path and method, every key, every
//! word, every status that a path has of its own.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use guest_agent::shell::receiver::Limits;
use protocol::channel::EventType;
use protocol::vim::{Reason, VimCommand, allowed_methods};
use saphyr::{LoadableYamlNode, Scalar, Yaml};
use serde_json::{Map, Value};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::golden;
use crate::receiver::{
    HOST, INSTANCE, NO_HOST, Reply, exchange, read_reply, request, start, start_agent,
    start_agent_counting,
};

const METHODS: [&str; 7] = ["get", "put", "post", "patch", "delete", "head", "options"];

fn document() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/guest-agent-openapi.yaml");
    let text = std::fs::read_to_string(path).unwrap();
    value(&Yaml::load_from_str(&text).unwrap()[0])
}

fn value(yaml: &Yaml) -> Value {
    match yaml {
        Yaml::Value(Scalar::String(text)) => Value::from(text.as_ref()),
        Yaml::Value(Scalar::Integer(number)) => Value::from(*number),
        Yaml::Value(Scalar::Boolean(flag)) => Value::from(*flag),
        Yaml::Sequence(items) => items.iter().map(value).collect(),
        Yaml::Mapping(pairs) => {
            let pairs = pairs.iter().map(|(key, item)| (key.as_str().unwrap().into(), value(item)));
            Value::Object(pairs.collect::<Map<_, _>>())
        }
        other => panic!("{other:?} in an OpenAPI file?"),
    }
}

/// A part of the document, what it refers to in its place.
fn resolve<'a>(document: &'a Value, part: &'a Value) -> &'a Value {
    match part.get("$ref").and_then(Value::as_str) {
        Some(place) => document.pointer(place.strip_prefix('#').unwrap()).expect(place),
        None => part,
    }
}

/// What keeps `value` from being what `schema` says; of JSON schema as much as the file uses.
fn complaint(document: &Value, schema: &Value, value: &Value) -> Option<String> {
    let schema = resolve(document, schema);
    let known = "type description enum minLength maxLength minItems maxItems items required \
                 properties additionalProperties";
    for key in schema.as_object()?.keys() {
        assert!(known.split_whitespace().any(|word| word == key), "{key} is not checked here");
    }
    let is_of_type = match schema["type"].as_str().expect("every schema has a type") {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        other => panic!("{other} is not checked here"),
    };
    let is_listed = schema["enum"].as_array().is_none_or(|words| words.contains(value));
    let length = value.as_str().map(str::len).or(value.as_array().map(Vec::len)).unwrap_or(0);
    let bound = |name: &str| schema[name].as_u64().map(|bound| usize::try_from(bound).unwrap());
    let min = bound("minLength").or(bound("minItems")).unwrap_or(0);
    let max = bound("maxLength").or(bound("maxItems")).unwrap_or(usize::MAX);
    if !is_of_type || !is_listed || !(min..=max).contains(&length) {
        return Some(format!("{value} is not {schema}"));
    }
    let mut items = value.as_array().into_iter().flatten();
    let of_items = items.find_map(|item| complaint(document, &schema["items"], item));
    of_items.or_else(|| value.as_object().and_then(|object| of_object(document, schema, object)))
}

fn of_object(document: &Value, schema: &Value, object: &Map<String, Value>) -> Option<String> {
    let required = schema["required"].as_array().into_iter().flatten();
    for key in required.map(|key| key.as_str().unwrap()) {
        if !object.contains_key(key) {
            return Some(format!("{key} is missing"));
        }
    }
    object.iter().find_map(|(key, value)| match schema["properties"].get(key) {
        Some(schema) => complaint(document, schema, value),
        None if schema["additionalProperties"] == Value::Bool(false) => Some(format!("{key}?")),
        None => None,
    })
}

/// Path template, method in capitals, and what the file says of them.
fn operations(document: &Value) -> Vec<(String, String, &Value)> {
    let paths = document["paths"].as_object().unwrap().iter();
    let of_path = |(path, item): (&String, _)| {
        let path = path.clone();
        let item: &Value = item;
        let methods =
            METHODS.into_iter().filter_map(move |method| Some((method, item.get(method)?)));
        methods.map(move |(method, operation)| (path.clone(), method.to_uppercase(), operation))
    };
    paths.flat_map(of_path).collect()
}

fn example_path(template: &str) -> String {
    let uuid = if template.starts_with("/v1/hosts/") { HOST } else { INSTANCE };
    template.replace("{uuid}", uuid)
}

fn template_of(path: &str) -> String {
    let path = path.split('?').next().unwrap();
    let uuid = path.split('/').nth(3).unwrap();
    path.replace(uuid, "{uuid}")
}

fn body_schema(operation: &Value) -> Option<&Value> {
    operation.pointer("/requestBody/content/application~1json/schema")
}

#[test]
fn the_file_has_the_methods_that_the_agent_has() {
    let document = document();
    for (template, item) in document["paths"].as_object().unwrap() {
        let in_file: BTreeSet<String> = METHODS
            .into_iter()
            .filter(|method| item.get(method).is_some())
            .map(str::to_uppercase)
            .collect();
        let in_code = allowed_methods(&example_path(template)).iter().map(ToString::to_string);
        assert_eq!(in_file, in_code.collect(), "{template}");
    }
}

/// The golden files have every command.
#[test]
fn the_file_has_the_paths_and_bodies_of_every_command() {
    let document = document();
    let operations = operations(&document);
    let mut seen = BTreeSet::new();
    for golden in golden::all("vim-to-agent").iter().chain(&golden::all("vim-to-agent/understood"))
    {
        let (method, path) = golden.target();
        let template = template_of(path);
        let operation = operations.iter().find(|(p, m, _)| *p == template && m == method);
        let operation = operation.expect(&golden.name).2;
        seen.insert((template, method.to_owned()));
        let Some(schema) = body_schema(operation).filter(|schema| schema.is_object()) else {
            continue;
        };
        let body = serde_json::from_slice(golden.body()).unwrap();
        assert_eq!(complaint(&document, schema, &body), None, "{}", golden.name);
    }
    assert_eq!(seen.len(), operations.len(), "an operation that no golden file has");
}

#[test]
fn every_example_of_the_file_is_understood_and_no_needed_key_can_be_left_out() {
    let document = document();
    for (template, method, operation) in operations(&document) {
        let path = example_path(&template);
        let Some(example) = operation.pointer("/requestBody/content/application~1json/example")
        else {
            assert!(VimCommand::decode(&method, &path, b"").is_ok(), "{method} {path}");
            continue;
        };
        let is_understood =
            |body: &Value| VimCommand::decode(&method, &path, body.to_string().as_bytes()).is_ok();
        assert!(is_understood(example), "{method} {path}: {example}");
        let is_needed = operation["requestBody"]["required"] == Value::Bool(true);
        assert_eq!(VimCommand::decode(&method, &path, b"").is_err(), is_needed, "{method} {path}");
        let schema = body_schema(operation).map(|schema| resolve(&document, schema)).unwrap();
        for key in example.as_object().unwrap().keys() {
            let mut body = example.clone();
            body.as_object_mut().unwrap().remove(key);
            let required = schema["required"].as_array();
            let is_needed = required.is_some_and(|keys| keys.iter().any(|k| k == key.as_str()));
            assert_eq!(!is_understood(&body), is_needed, "{method} {path} without {key}");
        }
    }
}

#[test]
fn the_words_of_the_file_are_the_words_of_the_protocol() {
    let document = document();
    let in_file = |name: &str| -> BTreeSet<String> {
        let words = document["components"]["schemas"][name]["enum"].as_array().unwrap();
        words.iter().map(|word| word.as_str().unwrap().to_owned()).collect()
    };
    let events = EventType::ALL.iter().filter(|event| **event != EventType::Unknown);
    assert_eq!(in_file("Event"), events.map(ToString::to_string).collect());
    assert_eq!(in_file("Reason"), Reason::ALL.iter().map(ToString::to_string).collect());
}

/// Each operation is done in every way that its path allows, and in those that fail anywhere, on a
/// real agent: the statuses are those of the file, no more and no fewer, and the bodies are as it
/// says.
#[tokio::test]
async fn every_status_and_every_reply_of_the_file_is_the_agents() {
    let document = document();
    for (template, method, operation) in operations(&document) {
        let mut replies = failures(&method, &example_path(&template)).await;
        for (path, body) in attempts(&template, operation) {
            let bytes = request(&method, &path, body.as_deref());
            replies.push(exchange(start_agent(), &bytes).await);
        }
        let mut statuses = BTreeSet::new();
        for reply in replies {
            let status = reply.status.to_string();
            let entry = operation["responses"].get(&status).expect("a status of the file");
            assert_is(&document, entry, &reply, &format!("{method} {template}"));
            statuses.insert(status);
        }
        let in_file = operation["responses"].as_object().unwrap().keys().cloned().collect();
        assert_eq!(statuses, in_file, "{method} {template}");
    }
}

#[tokio::test]
async fn any_other_method_of_a_path_is_answered_as_the_file_says() {
    let document = document();
    let agent = start_agent();
    for (template, item) in document["paths"].as_object().unwrap() {
        let path = example_path(template);
        let reply = exchange(agent, &request("BREW", &path, Some("{}"))).await;
        assert_eq!(reply.status, 405, "{template}");
        assert_eq!(reply.header("allow"), Some(allowed_methods(&path).join(", ").as_str()));
        assert_is(&document, &item["x-any-other-method"], &reply, template);
    }
}

/// Whether the body of a reply is what the file says.
fn assert_is(document: &Value, entry: &Value, reply: &Reply, what: &str) {
    let schema = resolve(document, entry).pointer("/content/application~1json/schema");
    assert_eq!(schema.is_none(), reply.body.is_empty(), "{what}");
    if let Some(schema) = schema {
        let body = serde_json::from_str(&reply.body).unwrap();
        assert_eq!(complaint(document, schema, &body), None, "{what}");
    }
}

/// What comes of a stranger, a body that is too long, too slow or half, and an agent that is ending.
async fn failures(method: &str, path: &str) -> Vec<Reply> {
    let with = |headers: &str| format!("{method} {path} HTTP/1.1\r\n{headers}\r\n").into_bytes();
    let hasty = Limits { receive: Duration::from_millis(300), ..Limits::default() };
    let half = start_agent_counting(hasty, Arc::default());
    let (ending, asked) = start(Limits::default());
    drop(asked);
    let good = request(method, path, example_body(method, path).as_deref());
    let mut broken_off = TcpStream::connect(start_agent()).await.unwrap();
    broken_off.write_all(&with("Content-Length: 9\r\n")).await.unwrap();
    broken_off.shutdown().await.unwrap();
    vec![
        exchange(start_agent(), &with("User-Agent: curl/8.5.0\r\n")).await,
        exchange(start_agent(), &with("Content-Length: 65537\r\n")).await,
        exchange(half, &with("Content-Length: 9\r\n")).await,
        exchange(ending, &good).await,
        read_reply(&mut broken_off).await,
    ]
}

/// That of the file.
fn example_body(method: &str, path: &str) -> Option<String> {
    let (document, template) = (document(), template_of(path));
    let pointer = "/requestBody/content/application~1json/example";
    let operation = &document["paths"][&template][method.to_lowercase()];
    operation.pointer(pointer).map(ToString::to_string)
}

/// Paths of what is known, unknown and no uuid; bodies that are right, missing, wrong and about an
/// unknown host.
fn attempts(template: &str, operation: &Value) -> Vec<(String, Option<String>)> {
    let example = operation.pointer("/requestBody/content/application~1json/example");
    let own = if template.starts_with("/v1/hosts/") { HOST } else { INSTANCE };
    let mut attempts = Vec::new();
    for uuid in [own, NO_HOST, "short"] {
        let path = template.replace("{uuid}", uuid);
        attempts.push((path.clone(), None));
        if let Some(example) = example {
            let right = example.to_string().replace(own, uuid);
            let elsewhere = right.replace("compute-0", "compute-9");
            let bodies = [right, elsewhere, "nonsense".to_owned()];
            attempts.extend(bodies.map(|body| (path.clone(), Some(body))));
        }
    }
    attempts
}
