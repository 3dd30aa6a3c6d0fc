//! One line of the file.

/// Key and value of a line; `None` for a blank one and a comment.
pub(super) fn assignment(line: &str) -> Result<Option<(&str, &str)>, String> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let (key, value) =
        line.split_once('=').ok_or_else(|| format!("expected KEY=VALUE, found {line:?}"))?;
    Ok(Some((key.trim(), unquoted(value.trim())?)))
}

/// The value without its quotes and without a comment after it.
fn unquoted(value: &str) -> Result<&str, String> {
    let Some(quote) = value.chars().next().filter(|c| matches!(c, '"' | '\'')) else {
        let end = value.find(" #").or_else(|| value.find("\t#")).unwrap_or(value.len());
        return Ok(if value.starts_with('#') { "" } else { value[..end].trim_end() });
    };
    let (inner, rest) = value[1..]
        .split_once(quote)
        .ok_or_else(|| format!("{value:?} has an opening quote but no closing one"))?;
    match rest.trim_start() {
        "" => Ok(inner),
        comment if comment.starts_with('#') => Ok(inner),
        rest => Err(format!("{rest:?} follows the closing quote")),
    }
}
