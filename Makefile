# `make run` and `make test` need nothing done before them.
VENV   := .venv
PYTHON ?= python3
BIN    := $(VENV)/bin
READY  := $(VENV)/ready
TOOLS  := $(VENV)/tools

# the files in order of their names: the slowest have few tests, and pytest-xdist would begin them last; three at once
# on 2 cores, because many tests wait for a Ray to start
PYTEST := $(BIN)/pytest -n 3 --dist loadfile --no-loadscope-reorder

COMMA := ,
REPRODUCED := results/reproduction/ml-1m
VARIANTS := base,cvar,cvar[adapt=false],cvar[side_item_id=false],cvar[normal_tables=false$(COMMA)padding=false],avaew,$\
	avaew[on_count=false],avaew[xi=3.2$(COMMA)xi_prime=3.2],avaew[normal_tables=false$(COMMA)padding=false],$\
	dropoutnet[per_row=true],gar[ctr=0],gar[alpha=0.05],gar[alpha=0.05$(COMMA)ctr=0]

HOOKED := mwuf,mwuf[through=true],meta_e,meta_e[per_item=true]
IPNN_VARIANTS := meta_e,meta_e[passes=4],meta_e[inner_lr=1],meta_e[hidden=64],gar,gar[alpha=0.3]

CARDS := synthetic ml-1m ml-25m ml-latest movietweetings eb-nerd mind taobao-ad
DESCRIBED_LATEST := ml-latest[fields=none],ml-latest,ml-latest[vectors=title]
DESCRIBED := ml-1m[fields=none],ml-1m,ml-1m[vectors=title],$(DESCRIBED_LATEST)
ON_VECTORS := base,base[item_lr=0.01],dropoutnet,meta_e,cvar,avaew,creu
TRIED := base,base[item_lr=0.01],cvar,csdm,csdm[frozen_unet=true],csdm[item_lr=0.01],csdm[rho=0.001],$\
	csdm[diffusion_steps=6$(COMMA)beta_last=0.002$(COMMA)rho=0.001],csdm[repeats=2],csdm[repeats=2$(COMMA)item_lr=0.01],$\
	csdm[repeats=2$(COMMA)rho=0.001],csdm[repeats=2$(COMMA)adapt_epochs=10],csdm[repeats=2$(COMMA)epochs=5],$\
	csdm[repeats=2$(COMMA)learning_rate=0.01],csdm[repeats=2$(COMMA)adapt=false],csdm[repeats=2$(COMMA)adapt=false$(COMMA)item_lr=0.01]

.PHONY: run docs test lint format clean architecture coverage reproduce step-size study online vectors cards bench calibrate
.PHONY: mutate profile crashes shots csdm tuned

run: $(READY)
	@echo "eight methods on three seeds of the embedded data: two to three minutes on 2 cores"
	$(BIN)/coldbench run

test: lint docs
	$(PYTEST)

# Tables 1 and 2 on MovieLens-1M; needs `coldbench data add ml-1m PATH` first
reproduce: $(READY)
	$(BIN)/coldbench run --datasets ml-1m --backbones deepfm,ipnn --methods paper --seeds 5 --out results/ml-1m
	$(BIN)/coldbench run --datasets ml-1m --backbones paper --methods base,avaew --seeds 5 --out results/ml-1m
	$(BIN)/coldbench run --datasets ml-1m --backbones deepfm --methods '$(VARIANTS)' --seeds 3 --out results/ml-1m-variants
	$(BIN)/coldbench run --datasets ml-1m --backbones 'fm[padding=false],deepfm[padding=false],ipnn[hidden=16x16]' \
		--methods base,dropoutnet --seeds 3 --out results/ml-1m-variants
	$(BIN)/coldbench run --datasets ml-1m --backbones ipnn --methods '$(IPNN_VARIANTS)' --seeds 3 \
		--out results/ml-1m-variants
	$(BIN)/coldbench tune --datasets ml-1m --backbones deepfm --methods avaew --samples 64 --seeds 3 \
		--fields alpha,beta,xi,xi_prime --out results/ml-1m-tune
	sed '/^backbone = /d' results/ml-1m-tune/best.toml > results/ml-1m-tune/every-backbone.toml
	$(BIN)/coldbench run --config results/ml-1m-tune/every-backbone.toml --backbones paper --seeds 5 --out results/ml-1m-tuned
	$(BIN)/coldbench run --datasets ml-1m --backbones paper --methods base,avaew --seeds 5 --out results/ml-1m-tuned
	$(BIN)/coldbench run --datasets ml-1m --backbones deepfm --methods base,cvar,avaew --seeds 5 --out results/ml-1m-tuned
	$(BIN)/coldbench run --datasets ml-1m --backbones deepfm --methods base,cvar,avaew --seeds 5 --out results/ml-1m-lazy
	$(BIN)/coldbench run --datasets ml-1m --backbones deepfm --methods base,cvar --seeds 5 --set training.lazy_rows=1 \
		--out results/ml-1m-lazy
	$(BIN)/coldbench run --datasets ml-1m --backbones deepfm,ipnn --methods '$(HOOKED)' --seeds 3 --out results/ml-1m-hooked
	mkdir -p $(REPRODUCED)/variants $(REPRODUCED)/tuned/figures $(REPRODUCED)/lazy $(REPRODUCED)/hooked
	cd results/ml-1m-lazy/report && cp *.md tables.csv $(CURDIR)/$(REPRODUCED)/lazy
	cd results/ml-1m-hooked/report && cp *.md tables.csv $(CURDIR)/$(REPRODUCED)/hooked
	cd results/ml-1m-tuned/report && cp *.md *.tex *.csv $(CURDIR)/$(REPRODUCED)/tuned
	cp results/ml-1m-tune/report/tuning.md results/ml-1m-tune/best.toml $(REPRODUCED)/tuned
	cp results/ml-1m-tune/report/figures/*.svg $(REPRODUCED)/tuned/figures
	cd results/ml-1m/report && cp *.md *.tex *.csv $(CURDIR)/$(REPRODUCED)
	cd results/ml-1m-variants/report && cp *.md *.tex *.csv $(CURDIR)/$(REPRODUCED)/variants

# what the learning rate of the new items' embeddings is worth, beside two generators: results/reproduction/ml-1m-step-size
step-size: $(READY)
	$(BIN)/coldbench run --datasets ml-1m --backbones deepfm --protocol strict --seeds 5 \
		--methods 'base,base[item_lr=0.01],base[item_lr=0.003,item_epochs=3],cvar,avaew' --out results/step-size
	mkdir -p $(REPRODUCED)-step-size/figures
	cd results/step-size/report && cp report.md table1.md table2.md tables.csv tests.csv $(CURDIR)/$(REPRODUCED)-step-size
	cd results/step-size/report/figures && cp *-steps.svg $(CURDIR)/$(REPRODUCED)-step-size/figures/steps.svg && \
		cp *-phases.svg $(CURDIR)/$(REPRODUCED)-step-size/figures/phases.svg

# learning curves per interaction: results/shots
shots: $(READY)
	$(BIN)/coldbench run --datasets ml-1m --methods 'paper,base[item_lr=0.01]' --backbones deepfm --protocol strict --seeds 3 \
		--shots 0,1,2,5,10,20,40,60 --out results/shots-run
	mkdir -p results/shots/figures
	cd results/shots-run/report && cp report.md table1.md tables.csv tests.csv $(CURDIR)/results/shots
	cd results/shots-run/report/figures && cp *-shots.svg $(CURDIR)/results/shots/figures/shots.svg && \
		cp *-shots-difference.svg $(CURDIR)/results/shots/figures/difference.svg

# the seven methods, each tuned on pseudo-cold items at 1 and at 10 epochs of steps, then five seeds: results/tuned
tuned: $(READY)
	$(BIN)/coldbench tune --datasets ml-1m --backbones deepfm --methods paper --protocol matched --budget 1,10 \
		--samples 16 --seeds 3 --out results/tuned-search
	$(BIN)/coldbench run --config results/tuned-search/best.toml --seeds 5 --out results/tuned-run
	mkdir -p results/tuned/figures
	cd results/tuned-run/report && cp report.md table*.md tables.csv tests.csv $(CURDIR)/results/tuned
	cp results/tuned-run/report/figures/*budgets*.svg results/tuned/figures
	cp results/tuned-search/report/tuning.md results/tuned-search/best.toml results/tuned
	cp results/tuned-search/report/figures/*.svg results/tuned/figures

# csdm as in its paper, as released and with the steps of its command for Taobao, beside base and its published numbers:
# results/reproduction/csdm
csdm: $(READY)
	$(BIN)/coldbench run --datasets ml-1m --backbones dcn,ipnn --seeds 5 --out results/csdm-run \
		--methods 'base,base[item_lr=0.01],csdm,csdm[frozen_unet=true],csdm[repeats=2]'
	mkdir -p results/reproduction/csdm
	cd results/csdm-run/report && cp report.md table1.md tables.csv $(CURDIR)/results/reproduction/csdm
	$(BIN)/coldbench run --datasets ml-1m --backbones dcn --seeds 1 --out results/csdm-tried --methods '$(TRIED)'
	cp results/csdm-tried/report/table1.md results/reproduction/csdm/tried.md

# where a warm-up method helps: results/study/DESIGN.md. PARTS=movietweetings runs one part; every part resumes.
# CHOSEN=1 takes what results/study says was chosen, without a search
study: $(READY)
	$(BIN)/python benchmarks/study.py $(if $(PARTS),--parts $(PARTS)) $(if $(CHOSEN),--chosen)

# the paper's online test in two worlds, at 3,000 users per arm; needs ml-1m. About an hour of one core, and it goes on
# where it was interrupted
online: $(READY)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[worlds]'
	$(BIN)/coldbench simulate --config results/online/simulate.toml --out results/simulate
	mkdir -p results/online/figures
	cd results/simulate/report && cp simulation.md tables.tex effects.csv $(CURDIR)/results/online
	cp results/simulate/report/figures/*.svg results/online/figures

# the share of lines that the tests run, per room, commands and Ray's workers included; writes docs/architecture.md's table
coverage: $(TOOLS)
	rm -f .coverage .coverage.*
	$(PYTEST) --cov --cov-report= $(TESTS)
	$(BIN)/python tests/covered.py $(TESTS)

# item IDs alone, fields, and vectors of titles; needs `coldbench data add` and `data embed --field title` of both logs first
vectors: $(READY)
	$(BIN)/coldbench run --protocol strict --seeds 3 --backbones deepfm --methods '$(ON_VECTORS)' \
		--datasets '$(DESCRIBED)' --out results/vectors-run
	$(BIN)/coldbench run --protocol strict --seeds 3 --backbones deepfm --methods '$(ON_VECTORS)' \
		--datasets '$(DESCRIBED_LATEST)' --set training.pretrain_epochs=5 --out results/vectors-run-5
	mkdir -p results/vectors/five-epochs
	cd results/vectors-run/report && cp report.md table*.md tables.csv $(CURDIR)/results/vectors
	cd results/vectors-run-5/report && cp report.md table*.md tables.csv $(CURDIR)/results/vectors/five-epochs

# docs/cards.md, with counts of what is in COLDBENCH_DATA
cards: $(READY)
	printf '# Cards\n\n`make cards` writes this page: one `coldbench data card NAME` per dataset.\n' > docs/cards.md
	for name in $(CARDS); do echo && $(BIN)/coldbench data card $$name || exit 1; done >> docs/cards.md

# benchmarks/README.md; on MovieLens-1M where it is at hand
bench: $(READY)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[bench]'
	$(BIN)/python benchmarks/bench.py

# how often each test finds what is not there, and what is: results/calibration
calibrate: $(READY)
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python benchmarks/calibrate.py

# where a cell's time goes
profile: $(READY)
	cd benchmarks && ../$(BIN)/python profile_cell.py

# breaks one thing at a time; the tests must notice each
mutate: $(TOOLS)
	$(BIN)/python benchmarks/mutations.py

# every fault on real runs; writes the table of docs/reliability.md
crashes: $(TOOLS)
	$(BIN)/python benchmarks/crash_matrix.py

# the house in numbers, and the table of docs/architecture.md
architecture: $(READY)
	$(BIN)/python tests/house.py

lint: $(TOOLS)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	test ! -x $(BIN)/hadolint || $(BIN)/hadolint Containerfile

format: $(TOOLS)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

$(READY): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing coldbench, PyTorch and Ray into $(VENV): 1.8 GB on disk, a few minutes"
	$(BIN)/pip install --quiet --constraint constraints.txt --editable .
	touch $@

# what tests, checks and the documentation need besides
$(TOOLS): $(READY)
	@echo "installing the tools of the tests and the documentation into $(VENV): 0.8 GB on disk, a few minutes"
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) results/run build *.egg-info .mypy_cache .pytest_cache .ruff_cache
	rm -f .coverage .coverage.*
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# the documentation as a site, build/docs; a broken link or anchor fails
docs: $(TOOLS)
	NO_MKDOCS_2_WARNING=1 DISABLE_MKDOCS_2_WARNING=true $(BIN)/mkdocs build --quiet
