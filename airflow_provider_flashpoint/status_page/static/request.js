// Requests to the page's own API.

export async function request(path, options) {
  const answer = await fetch(path, { headers: { Accept: "application/json" }, ...options });
  if (answer.ok) return answer.json();
  if (answer.status === 401) throw new Error("Your login has ended. Reload Airflow to log in again.");
  const body = await answer.json().catch(() => ({}));
  const detail = typeof body.detail === "string" ? body.detail : `Airflow answered ${answer.status}.`;
  throw new Error(answer.status === 403 ? `You may not do this with the DAG. ${detail}` : detail);
}

// Another site cannot send this header: it makes a browser ask Airflow first, which allows no other site.
export const act = (path, body) =>
  request(path, {
    method: "POST",
    headers: { Accept: "application/json", "Content-Type": "application/json", "X-Flashpoint-Action": "yes" },
    body: JSON.stringify(body),
  });
