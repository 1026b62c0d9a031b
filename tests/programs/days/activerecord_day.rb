# ActiveRecord: migrations with their advisory lock, schema dumps, models, prepared statements.
require "active_record"
require "json"

def emit(name, what) = (puts JSON.generate({ name: name }.merge(what)); $stdout.flush)

def step(name)
  emit(name, result: yield.inspect)
rescue StandardError => error
  inner = error.cause || error
  code = inner.respond_to?(:result) && inner.result ? inner.result.error_field(PG::PG_DIAG_SQLSTATE) : nil
  emit(name, error: { kind: error.class.name, sqlstate: code, message: inner.message.lines.first.to_s.strip })
end

env = ENV
ActiveRecord::Base.logger = nil
ActiveRecord::Migration.verbose = false
ActiveRecord::Base.establish_connection(adapter: "postgresql", host: env["DAY_HOST"], port: env["DAY_PORT"].to_i, username: env["DAY_USER"],
  password: env["DAY_PASSWORD"], database: env["DAY_DATABASE"], sslmode: "disable", variables: { statement_timeout: "20s" }, pool: 2)

class First < ActiveRecord::Migration[6.1]
  def change
    create_table(:shelves, comment: "where books are") { |t| t.string :name, null: false, index: { unique: true }; t.integer :kind, default: 0; t.jsonb :extra, default: {}; t.string :tags, array: true; t.timestamps }
    create_table(:books) { |t| t.references :shelf, foreign_key: { on_delete: :cascade }; t.string :title; t.decimal :price, precision: 8, scale: 2 }
    add_index :books, :title, where: "title IS NOT NULL", name: "titled"
  end
end

class Second < ActiveRecord::Migration[6.1]
  disable_ddl_transaction!
  def change
    add_column :books, :pages, :integer, default: 1, null: false
    add_index :books, :pages, algorithm: :concurrently
    rename_column :books, :title, :name
    change_column_null :books, :price, true
    add_check_constraint :books, "price >= 0", name: "positive"
    reversible { |d| d.up { change_column :books, :name, :text }; d.down { change_column :books, :name, :string } }
  end
end

class Shelf < ActiveRecord::Base
  has_many :books
  enum kind: { low: 0, high: 1 }
end

class Book < ActiveRecord::Base
  belongs_to :shelf
end

class Keyed < ActiveRecord::Base
  self.table_name = "keyed"
  self.primary_key = "k"
end

CONNECTION = ActiveRecord::Base.connection
MIGRATIONS = { 1 => First, 2 => Second }.map { |n, c| c.new(c.name, n) }
def migrator(way, to = nil) = ActiveRecord::Migrator.new(way, MIGRATIONS, ActiveRecord::SchemaMigration, to)

step("version") { CONNECTION.database_version }
step("schema_migrations") { ActiveRecord::SchemaMigration.create_table; ActiveRecord::InternalMetadata.create_table; ActiveRecord::InternalMetadata[:environment] = "day"; ActiveRecord::SchemaMigration.count }
step("migrate") { migrator(:up).migrate.size }
step("tables") { [CONNECTION.tables.sort, CONNECTION.views.sort, CONNECTION.data_sources.size] }
step("columns") { CONNECTION.columns("books").map { |c| [c.name, c.sql_type, c.null, c.default] } }
step("indexes") { CONNECTION.indexes("books").map { |i| [i.name, i.columns, i.where] }.sort }
step("foreign keys") { CONNECTION.foreign_keys("books").map { |k| [k.column, k.to_table, k.on_delete] } }
step("constraints") { CONNECTION.check_constraints("books").map(&:expression) }
step("schema dump") { s = StringIO.new; ActiveRecord::SchemaDumper.dump(CONNECTION, s); s.string }
step("create") { s = Shelf.create!(name: "one", kind: :high, extra: { a: 1 }, tags: %w[x y]); [s.id, s.reload.tags, s.extra] }
step("build") { s = Shelf.first; s.books.create!([{ name: "x", price: 5 }, { name: "y", price: 6 }]).size }
step("insert_all") { Shelf.insert_all([{ name: "two", created_at: "2020-01-01", updated_at: "2020-01-01" }, { name: "one", created_at: "2020-01-01", updated_at: "2020-01-01" }]).rows }
step("upsert_all") { Keyed.upsert_all([{ k: 1, v: "uno" }, { k: 9, v: "nine" }], unique_by: :k).length }
step("where") { Shelf.where(kind: :high).where("extra->>'a' = ?", "1").where("tags @> ARRAY[?]::varchar[]", "x").order(:id).pluck(:name) }
step("includes") { Shelf.includes(:books).order(:id).map { |s| [s.name, s.books.map(&:name).sort] } }
step("group") { Book.joins(:shelf).group("shelves.name").sum(:price) }
step("find_each") { n = 0; Book.find_each(batch_size: 1) { n += 1 }; n }
step("lock") { Shelf.transaction { Shelf.lock("FOR UPDATE SKIP LOCKED").first.name } }
step("nested") { Shelf.transaction { Keyed.create!(k: 50); Keyed.transaction(requires_new: true) { Keyed.create!(k: 50) } rescue $!.class; Keyed.where(k: 50).count } }
step("isolation") { Shelf.transaction(isolation: :serializable) { Shelf.count } }
step("duplicate") { Shelf.create!(name: "one") }
step("invalid") { Book.where("nosuch = 1").to_a }
step("explain") { Keyed.where(k: 1).explain.lines.size > 1 }
step("prepared") { 3.times.map { |n| Keyed.find_by(k: n)&.v } }
step("disable referential integrity") { CONNECTION.disable_referential_integrity { 1 } }
step("reset") { CONNECTION.reset!; CONNECTION.active? }
step("roll back") { migrator(:down, 0).migrate.size }
step("truncate") { CONNECTION.truncate("keyed") && 1 }
step("encoding and schema") { [CONNECTION.encoding, CONNECTION.collation, CONNECTION.schema_names.sort, CONNECTION.schema_search_path, CONNECTION.current_database, CONNECTION.session_auth = "default"] }
step("extensions") { [CONNECTION.extensions, CONNECTION.extension_available?("citext")] }
step("client messages") { [CONNECTION.client_min_messages, CONNECTION.max_identifier_length] }
