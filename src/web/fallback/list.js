// Lists the reports as links to their CSV files.
const latest = await (await fetch("latest.json")).json();
const catalogue = await (await fetch(latest.documents?.reports ?? "api/reports")).json();
for (const report of catalogue.reports) {
    const link = document.createElement("a");
    link.textContent = report.title;
    link.href = `api/reports/${report.name}?format=csv`;
    const item = document.createElement("li");
    item.append(link, ` ${report.question}`);
    document.getElementById("reports").append(item);
}
