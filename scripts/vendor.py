"""Copy the browser libraries that pages use from node_modules into static/vendor, with licences and a manifest.

Run by `make vendor` after `npm ci`; the result is committed, so neither node nor a network is needed to run Concord.
"""

import hashlib
import json
import re
import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MODULES = ROOT / "node_modules"
TARGET = ROOT / "static" / "vendor"
LICENCES = ROOT / "scripts" / "licences"
SUBSETS = ("latin", "latin-ext", "cyrillic")

# target below static/vendor -> (package, path inside it)
FILES = {
    "tabler/tabler.min.css": ("@tabler/core", "dist/css/tabler.min.css"),
    "inter/inter.css": ("@fontsource-variable/inter", "wght.css"),
    "inter/LICENSE": ("@fontsource-variable/inter", "LICENSE"),
    "echarts/echarts.min.js": ("echarts", "dist/echarts.min.js"),
    "echarts/LICENSE": ("echarts", "LICENSE"),
    "echarts/NOTICE": ("echarts", "NOTICE"),
    "echarts/LICENSE-d3": ("echarts", "licenses/LICENSE-d3"),
    "echarts/LICENSE-zrender": ("zrender", "LICENSE"),
    "tom-select/tom-select.min.js": ("tom-select", "dist/js/tom-select.popular.min.js"),
    "tom-select/tom-select.min.css": ("tom-select", "dist/css/tom-select.bootstrap5.min.css"),
    "tom-select/LICENSE": ("tom-select", "LICENSE"),
} | {
    f"inter/files/inter-{subset}-wght-normal.woff2": (
        "@fontsource-variable/inter",
        f"files/inter-{subset}-wght-normal.woff2",
    )
    for subset in SUBSETS
}


def main() -> None:
    """Replace static/vendor by what package-lock.json names."""
    if not MODULES.is_dir():
        raise SystemExit("node_modules is missing: run `npm ci --ignore-scripts` first.")
    shutil.rmtree(TARGET, ignore_errors=True)
    for target, (package, path) in FILES.items():
        write(target, prepared(target, (MODULES / package / path).read_bytes()))
    write("tabler/LICENSE", (LICENCES / "tabler.txt").read_bytes())
    files = {target: entry(target) for target in sorted([*FILES, "tabler/LICENSE"])}
    write("manifest.json", json.dumps(files, indent=2).encode() + b"\n")


def prepared(target: str, content: bytes) -> bytes:
    """The file as it is served: without source map, and the font's sheet with the bundled subsets only."""
    if target.endswith((".css", ".js")):
        content = re.sub(rb"\n?(/\*|//)# sourceMappingURL=\S+(\s*\*/)?", b"", content)
    if target == "inter/inter.css":
        faces = re.findall(rb"/\* inter-([a-z-]+)-wght-normal \*/\s*(@font-face \{.*?\})", content, re.DOTALL)
        content = b"\n\n".join(face for subset, face in faces if subset.decode() in SUBSETS) + b"\n"
    return content


def entry(target: str) -> dict[str, str]:
    """Where a file comes from, and the checksum of what is served."""
    package = FILES.get(target, ("@tabler/core", "LICENSE"))[0]
    about = json.loads((MODULES / package / "package.json").read_text())
    digest = hashlib.sha256((TARGET / target).read_bytes()).hexdigest()
    return {"package": f"{package}@{about['version']}", "license": about["license"], "sha256": digest}


def write(target: str, content: bytes) -> None:
    path = TARGET / target
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


if __name__ == "__main__":
    main()
