# Two commands set everything up on a fresh machine: `make run` and `make test`.

PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do \
	command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null \
	&& { echo $$p; break; }; done)
BIN := .venv/bin

.PHONY: setup run test lint unit bench bench-full bench-training bench-slides bench-cluster faults faults-cluster screenshots installer smoke constraints clean

setup: .venv/.ready

.venv/.ready: packaging/constraints.txt pyproject.toml packaging/system_libraries.py
	@test -n "$(PYTHON)" || { echo "ALL Station needs Python 3.11, 3.12 or 3.13; none was found on PATH."; exit 1; }
	@$(PYTHON) packaging/system_libraries.py
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r packaging/constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

run: setup
	$(BIN)/allstation --demo

test: setup lint unit

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Compiled files are kept, whatever the environment says: the tests start the program some 300 times.
unit: setup
	PYTHONDONTWRITEBYTECODE= QT_QPA_PLATFORM=offscreen $(BIN)/python -m pytest -n 2 --dist loadgroup

bench: setup
	$(BIN)/python tests/benchmarks/run.py --quick --out build/bench-quick

# About 40 minutes on two idle processors; cut off, the same command goes on. The README's table is made of it,
# also when a section failed: the status then says so.
bench-full: setup
	@status=0; $(BIN)/python tests/benchmarks/run.py --full --resume --out tests/benchmarks/results/suite || status=$$?; \
	$(BIN)/python tests/benchmarks/table.py tests/benchmarks/results/suite.json && exit $$status

# The first two need the real smears beside the project; the last needs a machine with nothing else to do.
bench-training: setup
	$(BIN)/python tests/benchmarks/finetune.py ../shared/data/taleqani --result training/results/fine-tuning.json
	$(BIN)/python tests/benchmarks/finetune.py ../shared/data/taleqani --stain --rest 600 --result training/results/fine-tuning-other-colours.json
	$(BIN)/python tests/benchmarks/training_gap.py --result training/results/training-gap.json

# About half an hour, and 3 GB in the build folder while it runs.
bench-slides: setup
	$(BIN)/python tests/benchmarks/slide_finder.py
	$(BIN)/python tests/benchmarks/slide_speed.py

# About 20 minutes on two idle processors, most of it for the million fields; cut off, the same command goes on.
bench-cluster: setup
	$(BIN)/python tests/benchmarks/cluster.py --resume --result tests/benchmarks/results/cluster.json

# Workers and schedulers are killed, the network is cut: about half an hour on two idle processors. Cut off, the same
# command goes on; a slice of ten minutes is the same with --minutes 10. Trials of other versions do not count.
faults-cluster: setup
	$(BIN)/python tests/faults/kill_cluster.py --kills 200 --seed 1 --resume --result tests/faults/results/kill_cluster.json

faults: setup
	$(BIN)/python tests/faults/fuzz_decode.py --cases 20000 --guided 600 --out tests/faults/results/decode
	$(BIN)/python -m tests.faults.fuzz_slides --cases 2000 --direct --out tests/faults/results/slides
	$(BIN)/python -m tests.faults.fuzz_slides --cases 2000 --seed 3 --out tests/faults/results/slides-in-children
	$(BIN)/python tests/faults/odd_files.py --all --out tests/faults/results/odd-files
	$(BIN)/python -m tests.faults.attacks --result tests/faults/results/attacks.json
	$(BIN)/python -m tests.faults.hostile --files 2000 --networks 500 --out tests/faults/results/isolation
	$(BIN)/python tests/faults/kill_case.py --kills 1000 --seed 2027 --result tests/faults/results/kill_case.json
	$(BIN)/python tests/faults/kill_training.py --kills 60 --seed 2026 --result tests/faults/results/kill_training.json
	$(BIN)/python tests/faults/small_bundle.py build/small.allmodel --seed 1
	$(BIN)/python -c "from pathlib import Path; from allstation.imaging.synthetic import write_demo; write_demo(Path('build/few-fields'))"
	$(BIN)/python tests/faults/many_fields.py --source build/few-fields --bundle build/small.allmodel --result tests/faults/results/many_fields.json

screenshots: setup
	$(BIN)/python tests/ui/screenshots.py build/screenshots

installer: setup
	$(BIN)/python packaging/build.py

# Installs what is in dist/ in a bare Debian and uses it (root, debootstrap, xvfb, xdotool, icewm); adds what was passed
# to packaging/results/smoke.md.
smoke: setup
	for form in dist/allstation*.deb dist/allstation*.tar.xz; do \
		$(BIN)/python packaging/smoke.py "$$form" --results packaging/results/smoke.md || exit 1; done
	for form in dist/allstation*.deb; do \
		$(BIN)/python packaging/smoke.py "$$form" --starts --results packaging/results/smoke.md || exit 1; done

# Needs the uv program; every other target needs Python and make only.
constraints:
	uv pip compile pyproject.toml --extra training --extra cluster --group dev --universal --generate-hashes \
		--no-header --no-annotate --python-version 3.11 --output-file packaging/constraints.txt

clean:
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
